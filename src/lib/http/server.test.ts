import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { listen } from './server.ts'

const address = { host: '127.0.0.1', port: 0 }

const open = async (port: number): Promise<Socket> => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  // cut connections are what is tested
  return socket.on('error', () => undefined)
}

test('listen() answers the address with the port that it got', async () => {
  await using server = await listen((_request, response) => void response.end('hello'), address)
  assert.match(server.address.url, /^http:\/\/127\.0\.0\.1:\d+$/)
  assert.equal(await (await fetch(server.address.url)).text(), 'hello')
})

test('listen() explains why it cannot', async () => {
  await using server = await listen((_request, response) => void response.end(), address)
  await assert.rejects(
    listen(() => undefined, { host: '127.0.0.1', port: server.address.port }),
    {
      kind: 'conflict',
      code: 'ADDRESS_IN_USE',
      message: `Cannot listen on "127.0.0.1:${server.address.port}": another program listens there`,
    },
  )
  await assert.rejects(
    listen(() => undefined, { host: '192.0.2.1', port: 0 }),
    { kind: 'invalid_argument' },
  )
})

test('close() lets a request finish, ends idle connections and takes no new ones', async () => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  const server = await listen((_request, response) => {
    asked.resolve()
    void answer.promise.then(() => response.end('done'))
  }, address)
  const idle = await open(server.address.port)
  idle.resume()
  const busy = fetch(server.address.url)
  await asked.promise
  let closed = false
  const closing = server.close().then(() => (closed = true))
  await new Promise((resolve) => idle.once('close', resolve))
  await assert.rejects(open(server.address.port))
  await sleep(100)
  assert.equal(closed, false)
  answer.resolve()
  assert.equal(await (await busy).text(), 'done')
  await closing
})

test('close() cuts what is under way once its signal aborts', async () => {
  const server = await listen(() => undefined, address)
  const socket = await open(server.address.port)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const abort = new AbortController()
  const closing = server.close({ signal: abort.signal })
  await sleep(50)
  abort.abort()
  await closing
  assert.equal(await text(socket).catch(() => ''), '')
})

test('listen() cuts connections that are silent, whatever they wait for', async () => {
  await using server = await listen(
    (request, response) =>
      void request
        .on('error', () => undefined)
        .resume()
        .once('end', () => response.end('got it')),
    { ...address, idleTimeout: 200 },
  )
  for (const start of [
    '',
    'GET / HT',
    'GET / HTTP/1.1\r\nHost: x\r\n',
    'PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab',
  ]) {
    const socket = await open(server.address.port)
    socket.write(start)
    const began = Date.now()
    assert.doesNotMatch(await text(socket).catch(() => ''), /got it/)
    assert.ok(Date.now() - began < 3000)
  }
})
