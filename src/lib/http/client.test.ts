import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { done, startPeer } from '../../testing/http-peer.ts'
import { collect, streamOf, type ByteStream } from '../bytes.ts'
import { isGantryError, type GantryError } from '../errors.ts'
import { HttpClient, type HttpRequest } from './client.ts'

const get = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  url: new URL(url),
  headers: {},
  ...more,
})

/** A server of raw TCP: `answer` gets each connection. */
const rawServer = async (answer: (socket: Socket) => void): Promise<AsyncDisposable & { readonly url: string }> => {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    answer(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

const rejects = async (work: Promise<unknown>, code: string): Promise<GantryError> => {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  )
  assert.ok(isGantryError(error), String(error))
  assert.equal(error.code, code, error.message)
  return error
}

test('HttpClient.request() reuses a connection when the answer before was read or discarded', async () => {
  const ports = new Set<number | undefined>()
  await using peer = await startPeer(async (request, response) => {
    ports.add(request.incoming.socket.remotePort)
    await request.body()
    response.end('x'.repeat(300_000))
    return true
  })
  const client = new HttpClient()
  for (let round = 0; round < 3; round++) {
    const response = await client.request(get(peer.url))
    assert.equal((await collect(response.body, 1e6)).length, 300_000)
  }
  const headers = { 'content-length': '6' }
  const posted = await client.request(
    get(peer.url, { method: 'POST', headers, body: streamOf(Buffer.from('abc'), Buffer.from('def')) }),
  )
  assert.equal((await collect(posted.body, 1e6)).length, 300_000)
  assert.equal(await peer.requests.at(-1)?.body().then(String), 'abcdef')
  assert.equal(ports.size, 1)
  client.close()
})

test('HttpClient.request() sends no last byte when the body fails at its end', async () => {
  const bodies: Buffer[] = []
  await using server = await rawServer((socket) => socket.on('data', (chunk) => bodies.push(chunk)))
  const client = new HttpClient()
  async function* failing(): ByteStream {
    yield Buffer.from('12345')
    yield Buffer.from('67890')
    throw new RangeError('wrong digest')
  }
  const headers = { 'content-length': '10' }
  await assert.rejects(client.request(get(server.url, { method: 'PUT', headers, body: failing() })), RangeError)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.ok(!Buffer.concat(bodies).includes('67890'))
  client.close()
})

test('HttpClient.request() reads nothing from the body when the host cannot be reached', async () => {
  let read = false
  // oxlint-disable-next-line require-await
  async function* body(): ByteStream {
    read = true
    yield Buffer.alloc(1)
  }
  const { url } = await rawServer(() => undefined).then(async (server) => {
    await server[Symbol.asyncDispose]()
    return server
  })
  const client = new HttpClient()
  const error = await rejects(
    client.request(get(url, { method: 'PUT', headers: { 'content-length': '1' }, body: body() })),
    'CONNECTION_REFUSED',
  )
  assert.match(error.message, /^Cannot reach "127\.0\.0\.1:\d+": connection refused$/)
  assert.ok(error.hint)
  assert.equal(read, false)
})

test(
  'HttpClient.request() stops sending and closes the connection when the answer comes early',
  { timeout: 10_000 },
  async () => {
    await using peer = await startPeer((request, response) => {
      response.writeHead(413, { 'content-length': 4 }).end('full')
      request.incoming.resume()
      return true
    })
    const client = new HttpClient()
    let left = false
    async function* endless(): ByteStream {
      try {
        for (;;) {
          yield Buffer.alloc(65536)
          await new Promise(setImmediate)
        }
      } finally {
        left = true
      }
    }
    const response = await client.request(
      get(peer.url, { method: 'PUT', headers: { 'content-length': '1000000000000' }, body: endless() }),
    )
    assert.equal(response.status, 413)
    assert.equal((await collect(response.body, 10)).toString(), 'full')
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(left, true)
    client.close()
  },
)

test('HttpClient.request() gives up when the other side stays silent or drips', { timeout: 10_000 }, async () => {
  const client = new HttpClient({ idleTimeout: 100 })
  {
    await using silent = await rawServer(() => undefined)
    await rejects(client.request(get(silent.url)), 'TIMEOUT')
  }
  {
    // headers byte by byte never end
    await using slow = await rawServer((socket) => {
      const timer = setInterval(() => socket.write('H'), 20)
      socket.on('close', () => clearInterval(timer))
      socket.write('HTTP/1.1 200 OK\r\nX: ')
    })
    await rejects(client.request(get(slow.url)), 'TIMEOUT')
  }
  {
    await using half = await rawServer((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345'))
    const response = await client.request(get(half.url))
    await rejects(collect(response.body, 100), 'TIMEOUT')
  }
  {
    // nobody reads the request
    await using deaf = await rawServer((socket) => socket.pause())
    async function* zeros(): ByteStream {
      for (let count = 0; count < 1000; count++) {
        yield Buffer.alloc(65536)
        await new Promise(setImmediate)
      }
    }
    await rejects(
      client.request(get(deaf.url, { method: 'PUT', headers: { 'content-length': '65536000' }, body: zeros() })),
      'TIMEOUT',
    )
  }
  client.close()
})

test('HttpClient.request() does not hold a slow reader against the other side', async () => {
  const bytes = Buffer.alloc(5_000_000, 7)
  await using peer = await startPeer((_request, response) => done(response.end(bytes)))
  const client = new HttpClient({ idleTimeout: 100 })
  const response = await client.request(get(peer.url))
  let size = 0
  for await (const chunk of response.body) {
    if (size === 0) await new Promise((resolve) => setTimeout(resolve, 300))
    size += chunk.length
  }
  assert.equal(size, bytes.length)
  client.close()
})

test('HttpClient.request() answers errors with a code when the other side is hostile', { timeout: 20_000 }, async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['\0\0\0garbage\r\n\r\n', 'HTTP_INVALID'],
    ['HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n', 'HTTP_INVALID'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n', 'HTTP_INVALID'],
    [`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`, 'HEADERS_TOO_LARGE'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123', 'CONNECTION_LOST'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab', 'CONNECTION_LOST'],
    ['', 'CONNECTION_LOST'],
  ]
  for (const [answer, code] of cases) {
    await using server = await rawServer((socket) => socket.once('data', () => socket.end(answer)))
    const client = new HttpClient()
    const read = async (): Promise<void> => void (await collect((await client.request(get(server.url))).body, 1000))
    await rejects(read(), code)
    client.close()
  }
})

test('HttpClient.request() asks again at once when a kept connection has been closed meanwhile', async () => {
  let connections = 0
  await using server = await rawServer((socket) => {
    const first = ++connections === 1
    let requests = 0
    socket.on('data', () => {
      if (first && ++requests === 2) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  const client = new HttpClient()
  for (let round = 0; round < 2; round++)
    assert.equal(String(await collect((await client.request(get(server.url))).body, 10)), 'ok')
  assert.equal(connections, 2)
  client.close()
})

test('HttpClient.request() ends with "canceled" when its signal is aborted, before or amid the body', async () => {
  await using peer = await startPeer((_request, response) =>
    done(response.writeHead(200, { 'content-length': 10 }).write('12345')),
  )
  const client = new HttpClient()
  await rejects(client.request(get(peer.url, { signal: AbortSignal.abort() })), 'CANCELED')
  const controller = new AbortController()
  const response = await client.request(get(peer.url, { signal: controller.signal }))
  setTimeout(() => controller.abort(), 20)
  await rejects(collect(response.body, 100), 'CANCELED')
  client.close()
})

test('HttpResponse.discard() closes the connection when the body has no end', async () => {
  const closed = Promise.withResolvers<void>()
  await using peer = await startPeer((_request, response) => {
    const send = (): void => void (response.write(Buffer.alloc(65536)) ? setImmediate(send) : response.once('drain', send))
    response.on('close', closed.resolve)
    send()
    return true
  })
  const client = new HttpClient()
  const response = await client.request(get(peer.url))
  response.discard()
  await closed.promise
  client.close()
})
