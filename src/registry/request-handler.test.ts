import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { GantryError } from '../lib/errors.ts'
import { digestOf } from '../oci/digest.ts'
import { startTestRegistry, type TestRegistry } from '../testing/registry-server.ts'
import type { Scope } from './access.ts'
import type { RegistryEvent } from './events.ts'

/** Sends bytes and answers all that comes back until the connection ends. */
const raw = async (registry: TestRegistry, request: string | Buffer): Promise<string> => {
  const [host, port] = registry.host.split(':')
  const socket = connect(Number(port), host)
  socket.on('error', () => undefined)
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
  socket.write(request)
  await once(socket, 'close')
  return answer
}

const request = (line: string, headers: readonly string[] = [], body = ''): string =>
  [`${line} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers, '', body].join('\r\n')

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)

const digest = digestOf('x')
const long = 'a'.repeat(300)

void describe('registryRequestHandler()', () => {
  let registry: TestRegistry
  const failures: RegistryEvent[] = []
  before(async () => {
    registry = await startTestRegistry({
      idleTimeout: 2000,
      onEvent: (event) => void (event.kind === 'failed' && failures.push(event)),
    })
    await registry.storage.repository('app').putManifest(
      Buffer.from('{"schemaVersion":2,"manifests":[]}'),
      {
        mediaType: 'application/vnd.oci.image.index.v1+json',
        digest: digestOf('{"schemaVersion":2,"manifests":[]}'),
        size: 34,
      },
      ['latest'],
    )
  })
  after(() => registry[Symbol.asyncDispose]())

  const hostile: readonly (readonly [status: number, line: string, headers?: readonly string[], body?: string])[] = [
    // paths that mean another place to somebody
    [404, 'GET /'],
    [404, 'GET /v2/../etc/passwd'],
    [404, 'GET /v1/repositories'],
    [404, 'GET //v2/'],
    [400, 'GET /v2/../manifests/latest'],
    [400, 'GET /v2/../../data/manifests/latest'],
    [400, 'GET /v2/./app/manifests/latest'],
    [400, 'GET /v2/app/../app/manifests/latest'],
    [400, 'GET /v2//app/manifests/latest'],
    [400, 'GET /v2/app//manifests/latest'],
    [400, 'GET /v2/app%2fother/manifests/latest'],
    [400, 'GET /v2/%2e%2e/manifests/latest'],
    [400, 'GET /v2/app%00/manifests/latest'],
    [400, 'GET /v2/a+b/manifests/latest'],
    [400, 'GET /v2/app\\..\\x/manifests/latest'],
    [400, 'GET /v2/_catalog/manifests/latest'],
    [400, `GET /v2/${long}/manifests/latest`],
    [400, `GET /v2/${'a/'.repeat(2000)}a/manifests/latest`],
    [404, 'GET /v2/app/manifests/..'],
    [404, 'GET /v2/app/manifests/..%2f..%2flatest'],
    [404, 'GET /v2/app/manifests/latest%00'],
    [404, 'GET /v2/app/manifests/latest!1'],
    [404, 'GET /v2/app/manifests/Latest'],
    [404, `GET /v2/app/manifests/${long}`],
    [400, 'GET /v2/app/manifests/%'],
    [400, 'GET /v2/app/manifests/%ff%fe'],
    [400, 'GET /v2/app/manifests/sha256:../../../../etc/passwd'.replaceAll('../', '..%2f').replace('etc/', 'etc%2f')],
    [400, 'GET /v2/app/blobs/..'],
    [400, `GET /v2/app/blobs/${digest.toUpperCase()}`],
    [400, `GET /v2/app/blobs/${digest}0`],
    [400, 'GET /v2/app/blobs/sha256:'],
    [400, 'GET /v2/app/referrers/..%2f'],
    [404, 'GET /v2/app/blobs/uploads/..'],
    [404, 'GET /v2/app/blobs/uploads/..%2f..%2fformat.json'],
    [404, 'GET /v2/app/blobs/uploads/00000000-0000-0000-0000-000000000000'],
    // methods
    [405, 'POST /v2/'],
    [405, 'PUT /v2/app/tags/list'],
    [405, `PATCH /v2/app/blobs/${digest}`],
    [405, 'GET /v2/app/blobs/uploads/'],
    [405, 'OPTIONS /v2/app/manifests/latest'],
    // queries
    [400, 'GET /v2/app/tags/list?n=-1'],
    [400, 'GET /v2/app/tags/list?n=99999999999999999999'],
    [200, 'GET /v2/app/tags/list?n=1&last=%00%ff..%2f'],
    [400, 'POST /v2/app/blobs/uploads/?mount=../../x&from=app'],
    [400, `POST /v2/app/blobs/uploads/?mount=${digest}&from=../app`],
    [400, 'POST /v2/app/blobs/uploads/?digest=sha256:abc'],
    [400, 'POST /v2/app/blobs/uploads/?digest-algorithm=../x'],
    [400, 'PUT /v2/app/manifests/..', ['Content-Length: 2'], '{}'],
    [400, 'PUT /v2/app/manifests/x', ['Content-Length: 2'], '{}'],
    [400, `PUT /v2/app/manifests/x`, ['Content-Length: 100002'], `${'['.repeat(50_001)}${']'.repeat(50_001)}`],
    // what the HTTP parser refuses
    [400, 'GET /v2/ HTTP/1.1\r\nHost: y\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nGET'],
    [400, 'POST /v2/app/blobs/uploads/', ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
    [400, 'POST /v2/app/blobs/uploads/', ['Transfer-Encoding: chunked, identity'], '0\r\n\r\n'],
    [400, 'POST /v2/app/blobs/uploads/', ['Transfer-Encoding: chunked'], 'zz\r\n\r\n'],
    [400, 'GET /v2/', ['X: a\u0000b']],
    [400, 'GET /v2/ x y'],
    [431, 'GET /v2/', [`X: ${'a'.repeat(20_000)}`]],
    [431, `GET /v2/app/manifests/${'a'.repeat(20_000)}`],
  ]
  for (const [status, line, headers, body] of hostile)
    test(`answers ${status} to ${JSON.stringify(line.slice(0, 80))} ${JSON.stringify(headers ?? []).slice(0, 60)}`, async () => {
      const answer = await raw(registry, request(line, headers, body))
      assert.equal(statusOf(answer), status, answer)
      assert.doesNotMatch(answer, /gantry-registry-|node:|at file/)
      if (status === 405) assert.match(answer, /^Allow: [A-Z, ]+\r$/m)
    })

  test('answers errors as JSON that no browser takes for a page', async () => {
    const response = await fetch(`${registry.url}/v2/app/manifests/${encodeURIComponent('<script>alert(1)</script>')}`)
    assert.equal(response.status, 404)
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(((await response.json()) as { errors: { code: string }[] }).errors[0]?.code, 'MANIFEST_UNKNOWN')
  })

  test('answers a request with an absolute target, and several on one connection', async () => {
    const answer = await raw(
      registry,
      `GET http://elsewhere/v2/ HTTP/1.1\r\nHost: x\r\n\r\nHEAD /v2/app/manifests/latest HTTP/1.1\r\nHost: x\r\n\r\n${request('GET /v2/')}`,
    )
    assert.equal(answer.match(/HTTP\/1\.1 200/g)?.length, 3)
  })

  test('answers before a refused body has arrived, and takes none of it', async () => {
    const answer = await raw(registry, request('PUT /v2/app/manifests/x', ['Content-Length: 99999999999'], 'x'.repeat(100_000)))
    assert.equal(statusOf(answer), 413)
    assert.match(answer, /Connection: close/)
    const chunks = `400000\r\n${'x'.repeat(0x400000)}\r\n1\r\nx\r\n0\r\n\r\n`
    assert.equal(statusOf(await raw(registry, request('PUT /v2/app/manifests/x', ['Transfer-Encoding: chunked'], chunks))), 413)
    assert.equal(
      statusOf(await raw(registry, request('PUT /v2/Bad/manifests/x', ['Content-Length: 1000000'], 'x'.repeat(1_000_000)))),
      400,
    )
  })

  test('asks for a body with 100 Continue only if it wants it', async () => {
    const expect = ['Expect: 100-continue', 'Content-Length: 3']
    const refused = await raw(registry, request('PUT /v2/app/manifests/-x', expect))
    assert.equal(statusOf(refused), 400)
    const wanted = await raw(registry, request(`POST /v2/app/blobs/uploads/?digest=${digestOf('abc')}`, expect, 'abc'))
    assert.match(wanted, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201/)
  })

  test('keeps everything inside its folder and fails at nothing', async () => {
    assert.deepEqual(await readdir(dirname(registry.folder)), ['data'])
    assert.deepEqual(await readdir(`${registry.folder}/repositories`), ['app'])
    assert.deepEqual(failures, [])
  })
})

void describe('registryRequestHandler() with access', () => {
  const asked: (readonly Scope[])[] = []
  let registry: TestRegistry
  before(async () => {
    registry = await startTestRegistry({
      access: {
        identify: async ({ headers }) => {
          if (headers.authorization === 'wrong')
            throw new GantryError('unauthenticated', 'WRONG', 'Cannot sign in: the password is wrong')
          return headers.authorization
        },
        authorise: async (identity, scopes) => {
          asked.push(scopes)
          if (identity === undefined) throw new GantryError('unauthenticated', 'NOBODY', 'Cannot do this: sign in first')
          const denied = scopes.some((scope) => scope.kind === 'catalog' || scope.name === 'private')
          if (denied && identity !== 'root')
            throw new GantryError('permission_denied', 'PRIVATE', 'Cannot do this: it is private')
        },
        challenge: (_request, scopes) => `Bearer realm="http://x/token",scope="${scopes.map(({ kind }) => kind).join(' ')}"`,
      },
    })
  })
  after(() => registry[Symbol.asyncDispose]())

  const ask = (method: string, path: string, authorization?: string, body?: string): Promise<Response> =>
    fetch(`${registry.url}${path}`, {
      method,
      ...(authorization === undefined ? {} : { headers: { authorization } }),
      ...(body === undefined ? {} : { body }),
    })

  test('asks for every route, before anything else happens', async () => {
    for (const [method, path, actions] of [
      ['GET', '/v2/app/manifests/x', ['pull']],
      ['HEAD', '/v2/app/manifests/x', ['pull']],
      ['PUT', '/v2/app/manifests/x', ['pull', 'push']],
      ['DELETE', '/v2/app/manifests/x', ['delete']],
      ['GET', `/v2/app/blobs/${digest}`, ['pull']],
      ['HEAD', `/v2/app/blobs/${digest}`, ['pull']],
      ['DELETE', `/v2/app/blobs/${digest}`, ['delete']],
      ['POST', '/v2/app/blobs/uploads/', ['pull', 'push']],
      ['GET', '/v2/app/blobs/uploads/x', ['pull', 'push']],
      ['PATCH', '/v2/app/blobs/uploads/x', ['pull', 'push']],
      ['PUT', '/v2/app/blobs/uploads/x', ['pull', 'push']],
      ['DELETE', '/v2/app/blobs/uploads/x', ['pull', 'push']],
      ['GET', '/v2/app/tags/list', ['pull']],
      ['GET', `/v2/app/referrers/${digest}`, ['pull']],
    ] as const) {
      asked.length = 0
      const response = await ask(method, path)
      assert.equal(response.status, 401)
      assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="http://x/token",scope="repository"')
      assert.deepEqual(asked, [[{ kind: 'repository', name: 'app', actions }]])
    }
    assert.equal((await ask('GET', '/v2/')).status, 401)
    assert.equal((await ask('GET', '/v2/', 'wrong')).status, 401)
    assert.equal((await ask('GET', '/v2/', 'me')).status, 200)
    assert.equal((await ask('GET', '/v2/_catalog', 'me')).status, 403)
    assert.equal((await ask('GET', '/v2/_catalog', 'root')).status, 200)
    assert.deepEqual(await registry.storage.repositories(), [])
  })

  test('mounts only from where the caller may pull', async () => {
    const secret = digestOf('secret')
    assert.equal((await ask('POST', `/v2/private/blobs/uploads/?digest=${secret}`, 'root', 'secret')).status, 201)
    for (const from of ['&from=private', '']) {
      assert.equal((await ask('POST', `/v2/app/blobs/uploads/?mount=${secret}${from}`, 'me')).status, 202)
      assert.equal((await ask('HEAD', `/v2/app/blobs/${secret}`, 'me')).status, 404)
    }
    assert.equal((await ask('POST', `/v2/app/blobs/uploads/?mount=${secret}`, 'root')).status, 201)
    assert.equal((await ask('HEAD', `/v2/app/blobs/${secret}`, 'me')).status, 200)
  })
})

test('registryRequestHandler() tells what happened, in order', async () => {
  const events: RegistryEvent[] = []
  await using registry = await startTestRegistry({ onEvent: (event) => void events.push(event) })
  const ask = (method: string, path: string, body?: string): Promise<Response> =>
    fetch(`${registry.url}/v2/${path}`, { method, ...(body === undefined ? {} : { body }) })
  const index = '{"schemaVersion":2,"manifests":[]}'
  await ask('POST', `a/blobs/uploads/?digest=${digest}`, 'x')
  await ask('POST', `b/blobs/uploads/?mount=${digest}&from=a`)
  await (await ask('GET', `a/blobs/${digest}`)).text()
  await ask('PUT', 'a/manifests/t', index)
  await (await ask('GET', 'a/manifests/t')).text()
  await ask('HEAD', 'a/manifests/t')
  await ask('DELETE', 'a/manifests/t')
  await ask('DELETE', `a/manifests/${digestOf(index)}`)
  await ask('DELETE', `a/blobs/${digest}`)
  await ask('GET', `a/blobs/${digest}`)
  const descriptor = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: digestOf(index), size: index.length }
  assert.deepEqual(events, [
    { kind: 'blob-pushed', repository: 'a', descriptor: { mediaType: 'application/octet-stream', digest, size: 1 } },
    { kind: 'blob-mounted', repository: 'b', digest, from: 'a' },
    { kind: 'blob-pulled', repository: 'a', digest },
    { kind: 'manifest-pushed', repository: 'a', descriptor, tags: ['t'] },
    { kind: 'manifest-pulled', repository: 'a', descriptor, reference: 't' },
    { kind: 'tag-deleted', repository: 'a', tag: 't' },
    { kind: 'manifest-deleted', repository: 'a', digest: digestOf(index) },
    { kind: 'blob-deleted', repository: 'a', digest },
  ])
})

test('registryRequestHandler() tells the chunk size that it would like', async () => {
  await using registry = await startTestRegistry({ chunkMinLength: 5_242_880 })
  const response = await fetch(`${registry.url}/v2/app/blobs/uploads/`, { method: 'POST' })
  assert.equal(response.headers.get('oci-chunk-min-length'), '5242880')
})

test('registryRequestHandler() takes an index without its manifests if it is told to', async () => {
  await using registry = await startTestRegistry({ sparseIndexes: true })
  const entry = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf('absent'), size: 6 }
  const body = JSON.stringify({ schemaVersion: 2, manifests: [entry] })
  assert.equal((await fetch(`${registry.url}/v2/app/manifests/sparse`, { method: 'PUT', body })).status, 201)
})

test('registryRequestHandler() survives a listener that throws', async () => {
  await using registry = await startTestRegistry({
    onEvent: () => {
      throw new Error('a bug of the listener')
    },
  })
  const push = (): Promise<Response> =>
    fetch(`${registry.url}/v2/app/blobs/uploads/?digest=${digest}`, { method: 'POST', body: 'x' })
  await assert.rejects(push())
  assert.equal((await fetch(`${registry.url}/v2/`)).status, 200)
})
