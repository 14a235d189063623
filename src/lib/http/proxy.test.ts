import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { createServer } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import { done, startPeer } from '../../testing/http-peer.ts'
import { collect } from '../bytes.ts'
import { isGantryError } from '../errors.ts'
import { HttpClient } from './client.ts'
import { proxyFor } from './proxy.ts'

const environment = { HTTPS_PROXY: 'http://secure:3128', HTTP_PROXY: 'plain:3128' }

test('proxyFor() chooses by scheme, and lower case wins', () => {
  assert.equal(proxyFor(new URL('https://a.example/'), environment), 'http://secure:3128/')
  assert.equal(proxyFor(new URL('http://a.example/'), environment), 'http://plain:3128/')
  assert.equal(proxyFor(new URL('https://a.example/'), { ...environment, https_proxy: 'http://lower:1' }), 'http://lower:1/')
  assert.equal(proxyFor(new URL('https://a.example/'), {}), undefined)
})

test('proxyFor() asks no proxy when the host is this machine or in NO_PROXY', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['https://localhost:5000', '', false],
    ['http://127.1.2.3', '', false],
    ['http://[::1]:5000', '', false],
    ['https://a.example', '*', false],
    ['https://a.example', 'a.example', false],
    ['https://b.a.example', 'a.example', false],
    ['https://xa.example', 'a.example', true],
    ['https://a.example', '.a.example', true],
    ['https://b.a.example', 'x, .a.example', false],
    ['https://b.a.example', '*.a.example', false],
    ['https://a.example:5000', 'a.example:5000', false],
    ['https://a.example', 'a.example:5000', true],
    ['https://a.example', 'a.example:443', false],
    ['https://10.1.2.3', '10.0.0.0/8', false],
    ['https://11.1.2.3', '10.0.0.0/8', true],
    ['https://11.1.2.3', '10.0.0.0/99', true],
    ['https://[fd00::5]:443', 'fd00::/8', false],
    ['https://[fd00::5]', '[fd00::5]', false],
    ['https://10.1.2.3', '1.2.3', true],
  ]
  for (const [url, no, proxied] of cases)
    assert.equal(proxyFor(new URL(url), { ...environment, NO_PROXY: no }) !== undefined, proxied, `${url} ${no}`)
  fc.assert(fc.property(fc.string(), (no) => void proxyFor(new URL('https://10.1.2.3'), { ...environment, NO_PROXY: no })))
})

test('proxyFor() refuses what is no proxy without showing it', () => {
  for (const proxy of ['socks5://user:secret@p:1', 'http://user:secret@[x', 'http://'])
    assert.throws(
      () => proxyFor(new URL('https://a.example'), { HTTPS_PROXY: proxy }),
      (error) => isGantryError(error, 'unsupported') && !error.message.includes('secret') && error.cause === undefined,
    )
})

test('HttpClient.request() goes through a proxy with its credentials, for http and https', async () => {
  await using target = await startPeer((_request, response) => done(response.end('target')))
  const seen: string[] = []
  const proxy = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers['proxy-authorization']}`)
    response.end('by proxy')
  })
  proxy.on('connect', (request, socket) => {
    seen.push(`CONNECT ${request.url} ${request.headers['proxy-authorization']}`)
    const { port } = new URL(target.url)
    const upstream = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  await using _closed = {
    [Symbol.asyncDispose]: async () => {
      proxy.closeAllConnections()
      await new Promise((resolve) => proxy.close(resolve))
    },
  }
  const address = proxy.address()
  const url = `http://user:secret@127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  const client = new HttpClient({ environment: { HTTP_PROXY: url, HTTPS_PROXY: url } })
  const response = await client.request({ method: 'GET', url: new URL('http://registry.example/v2/'), headers: {} })
  assert.equal(String(await collect(response.body, 100)), 'by proxy')
  // plain HTTP behind the tunnel: the TLS handshake fails, which shows that the tunnel stood
  await assert.rejects(client.request({ method: 'GET', url: new URL('https://registry.example/v2/'), headers: {} }), {
    code: 'HTTP_RESPONSE_TO_HTTPS',
  })
  const credentials = `Basic ${Buffer.from('user:secret').toString('base64')}`
  assert.deepEqual(seen, [`GET http://registry.example/v2/ ${credentials}`, `CONNECT registry.example:443 ${credentials}`])
  client.close()
  proxy
    .removeAllListeners('connect')
    .on('connect', (_request, socket) => void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'))
  const other = new HttpClient({ environment: { HTTPS_PROXY: url } })
  await assert.rejects(other.request({ method: 'GET', url: new URL('https://registry.example/v2/'), headers: {} }), (error) => {
    assert.ok(isGantryError(error, 'unavailable'))
    assert.equal(error.code, 'PROXY_FAILED')
    assert.ok(!`${error.message}${error.hint}`.includes('secret'))
    return true
  })
  other.close()
})
