import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { collect } from '../lib/bytes.ts'
import { isGantryError, type GantryError } from '../lib/errors.ts'
import { runProcess } from '../lib/process.ts'
import { describe, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { refuse, startFaultyRegistry, type FaultyRegistry } from '../testing/faulty-registry.ts'
import { done, startPeer, type PeerRequest } from '../testing/http-peer.ts'
import { createRegistryClient, type RegistryClientOptions } from './client.ts'
import type { RemoteRepository } from './interfaces.ts'

const open = (
  registry: Pick<FaultyRegistry, 'host'>,
  options: RegistryClientOptions = {},
): Disposable & { readonly repository: RemoteRepository } => {
  const client = createRegistryClient({ retryDelay: 1, certificateFolders: [], ...options })
  return { repository: client.repository({ domain: registry.host, path: 'a/b' }), [Symbol.dispose]: () => client.close() }
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

const bytes = randomBytes(3_000_000)
const config = { mediaType: mediaTypes.ociConfig, digest: describe(Buffer.from('{}'), '').digest, size: 2 }
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }
const isBlob = (request: PeerRequest): boolean => request.path.includes('/blobs/')
const isManifest = (request: PeerRequest): boolean => request.path.includes('/manifests/')
const log = (registry: FaultyRegistry): readonly string[] =>
  registry.requests
    .filter(({ path }) => path !== '/v2/')
    .map(({ method, path }) => `${method} ${path.slice(path.lastIndexOf('/') + 1)}`)

test('resolve() asks by HEAD only when the answer says all, and accepts every type', async () => {
  await using registry = await startFaultyRegistry()
  const descriptor = registry.addManifest('a/b', 'v1', manifest)
  using client = open(registry)
  assert.deepEqual(await client.repository.resolve('v1'), descriptor)
  assert.deepEqual(await client.repository.resolve(descriptor.digest), descriptor)
  assert.deepEqual(await client.repository.resolve(`${registry.host}/a/b:v1`), descriptor)
  assert.deepEqual(log(registry), ['HEAD v1', `HEAD ${descriptor.digest}`, 'HEAD v1'])
  const accept = registry.requests.at(-1)?.headers.accept ?? ''
  for (const type of ['ociIndex', 'ociManifest', 'dockerList', 'dockerManifest', 'dockerSchema1Signed'] as const)
    assert.ok(accept.includes(mediaTypes[type]))
  await rejects(client.repository.resolve(`${registry.host}/other:v1`), 'REFERENCE_INVALID')
})

test('resolve() digests the bytes when the registry sends no Docker-Content-Digest, or knows no HEAD', async () => {
  await using registry = await startFaultyRegistry({ digestHeader: false })
  const descriptor = registry.addManifest('a/b', 'v1', manifest)
  using client = open(registry)
  assert.deepEqual(await client.repository.resolve('v1'), descriptor)
  registry.fault(({ method }, response) => method === 'HEAD' && done(response.writeHead(405).end()))
  assert.deepEqual(await client.repository.resolve('v1'), descriptor)
  // what was read is not fetched again
  const count = registry.requests.length
  assert.deepEqual(await collect(await client.repository.open(descriptor), 1000), encodeJson(manifest))
  assert.equal(registry.requests.length, count)
})

test('resolve() and open() refuse a manifest when its digest is another than asked for or promised', async () => {
  await using registry = await startFaultyRegistry()
  const good = registry.addManifest('a/b', 'v1', manifest)
  const other = registry.addManifest('a/b', 'v2', { ...manifest, annotations: { a: 'b' } })
  using client = open(registry)
  registry.fault(
    ({ path }, response) =>
      path.endsWith(good.digest) && done(response.writeHead(200, { 'docker-content-digest': other.digest }).end()),
  )
  await rejects(client.repository.resolve(good.digest), 'DIGEST_MISMATCH')
  registry.fault((request, response) => {
    if (!isManifest(request)) return false
    const headers = { 'docker-content-digest': good.digest, 'content-type': mediaTypes.ociManifest }
    response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : encodeJson({ ...manifest, layers: [config] }))
    return true
  })
  assert.equal((await rejects(client.repository.open(good), 'DIGEST_MISMATCH')).kind, 'data_loss')
  await rejects(client.repository.manifest('v1'), 'DIGEST_MISMATCH')
})

test("resolve() gives docker's words when there is no such manifest or repository", async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  const absent = await rejects(client.repository.resolve('nope'), 'MANIFEST_UNKNOWN')
  assert.equal(absent.kind, 'not_found')
  assert.equal(absent.message, `manifest for ${registry.host}/a/b:nope not found: manifest unknown: manifest unknown`)
  registry.fault((_request, response) => refuse(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry'))
  const unknown = await rejects(client.repository.resolve('nope'), 'NAME_UNKNOWN')
  assert.equal(unknown.message, `repository ${registry.host}/a/b not found: name unknown: repository name not known to registry`)
  assert.equal(unknown.kind, 'not_found')
})

test('resolve() says access denied with a hint when the registry refuses', async () => {
  await using registry = await startFaultyRegistry()
  registry.fault(
    ({ path }, response) => path !== '/v2/' && refuse(response, 403, 'DENIED', 'requested access to the resource is denied'),
  )
  using client = open(registry)
  const denied = await rejects(client.repository.resolve('x'), 'DENIED')
  assert.equal(denied.kind, 'permission_denied')
  assert.equal(
    denied.message,
    `pull access denied for ${registry.host}/a/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  )
  assert.match(denied.hint ?? '', /gantry login/)
})

test('resolve() reads errors of any shape and shows no control characters', async () => {
  const html = '<html><body>502 <b>Bad Gateway</b></body></html>'
  const cases: readonly (readonly [number, string, string, RegExp])[] = [
    [404, html, 'HTTP_404', /not found: "127\.0\.0\.1:\d+" answered 404 Not Found$/],
    [400, '{"errors":[{"code":"A_B","message":"x\\u001b[31m\\ny"},{"code":"C"}]}', 'A_B', /: a b: x \[31m y; c$/],
    [400, '{"errors":[]}', 'HTTP_400', /answered 400 Bad Request$/],
    [400, '{"errors":{"code":1}}', 'HTTP_400', /answered 400/],
    [400, '[]', 'HTTP_400', /answered 400/],
    [400, 'null', 'HTTP_400', /answered 400/],
    [405, `{"errors":[{"code":${JSON.stringify('x'.repeat(5000))},"message":5}]}`, 'HTTP_405', /answered 405/],
    [400, 'x'.repeat(1_000_000), 'HTTP_400', /answered 400/],
    [599, '', 'HTTP_599', /answered 599$/],
  ]
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  for (const [status, body, code, message] of cases) {
    const stop = registry.fault((request, response) => isManifest(request) && done(response.writeHead(status).end(body)))
    assert.match((await rejects(client.repository.manifest('x'), code)).message, message)
    stop()
  }
})

test('manifest() refuses what is none: a web page, schema 1, an endless body', { timeout: 20_000 }, async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  const answer = (type: string, body: string): (() => void) =>
    registry.fault(
      (request, response) => isManifest(request) && done(response.writeHead(200, { 'content-type': type }).end(body)),
    )
  let stop = answer('text/html', '<html>Please accept our terms</html>')
  assert.match((await rejects(client.repository.resolve('x'), 'JSON_INVALID')).hint ?? '', /web page/)
  stop()
  stop = answer(mediaTypes.dockerSchema1Signed, '{"schemaVersion":1}')
  assert.equal((await rejects(client.repository.resolve('x'), 'MANIFEST_SCHEMA1')).kind, 'unsupported')
  stop()
  registry.fault((request, response) => {
    if (!isManifest(request)) return false
    const send = (): void => void (response.write(Buffer.alloc(65536, 32)) ? setImmediate(send) : response.once('drain', send))
    response.writeHead(200)
    send()
    return true
  })
  assert.equal((await rejects(client.repository.manifest('x'), 'TOO_LARGE')).kind, 'resource_exhausted')
})

test('open() hands on a blob, its ranges, and has() knows it', async () => {
  await using registry = await startFaultyRegistry()
  const blob = registry.addBlob('a/b', bytes)
  const empty = registry.addBlob('a/b', Buffer.alloc(0))
  using client = open(registry)
  const { repository } = client
  assert.equal(await repository.has(blob), true)
  assert.deepEqual(await collect(await repository.open(blob), 1e7), bytes)
  assert.equal((await collect(await repository.open(empty), 1)).length, 0)
  for (const range of [
    { start: 5, end: 10 },
    { start: 0, end: 1 },
    { start: 2_999_999 },
    { start: 7, end: 9e9 },
    { start: 3_000_000 },
  ])
    assert.deepEqual(await collect(await repository.open(blob, { range }), 1e7), bytes.subarray(range.start, range.end))
  const absent = { ...blob, digest: describe(Buffer.from('no'), '').digest }
  assert.equal(await repository.has(absent), false)
  assert.equal((await rejects(repository.open(absent), 'BLOB_UNKNOWN')).kind, 'not_found')
})

test('open() cuts the range out when the registry ignores ranges', async () => {
  await using registry = await startFaultyRegistry()
  const blob = registry.addBlob('a/b', bytes)
  registry.fault((request, response) => isBlob(request) && done(response.writeHead(200).end(bytes)))
  using client = open(registry)
  assert.deepEqual(
    await collect(await client.repository.open(blob, { range: { start: 1_000_000, end: 2_000_000 } }), 1e7),
    bytes.subarray(1e6, 2e6),
  )
})

test('open() goes on with a range when the connection breaks, and verifies the whole', async () => {
  await using registry = await startFaultyRegistry()
  const blob = registry.addBlob('a/b', bytes)
  registry.faultTimes(2, isBlob, ({ headers }, response) => {
    const start = Number(/\d+/.exec(headers.range ?? '')?.[0] ?? 0)
    response.writeHead(start === 0 ? 200 : 206, {
      'content-length': bytes.length - start,
      ...(start > 0 && { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    })
    response.write(bytes.subarray(start, start + 1_000_000), () => setTimeout(() => response.destroy(), 20))
    return true
  })
  // the third connection fails in another way: a short answer that ends as if it were all
  registry.faultTimes(
    1,
    (request) => isBlob(request) && (request.headers.range?.startsWith('bytes=2000000-') ?? false),
    (_request, response) => {
      response
        .writeHead(206, { 'content-range': `bytes 2000000-2999999/3000000`, 'transfer-encoding': 'chunked' })
        .end(bytes.subarray(2_000_000, 2_500_000))
      return true
    },
  )
  const retries: string[] = []
  using client = open(registry, { onRetry: (reason) => retries.push(reason) })
  assert.deepEqual(await collect(await client.repository.open(blob), 1e7), bytes)
  assert.deepEqual(
    registry.requests.filter(isBlob).map(({ headers }) => headers.range),
    [undefined, 'bytes=1000000-2999999', 'bytes=2000000-2999999', 'bytes=2500000-2999999'],
  )
  assert.equal(retries.length, 3)
})

test('open() goes on from the beginning when the registry knows no ranges', async () => {
  await using registry = await startFaultyRegistry()
  const blob = registry.addBlob('a/b', bytes)
  let asked = 0
  registry.fault((request, response) => {
    if (!isBlob(request)) return false
    response.writeHead(200, { 'content-length': bytes.length })
    if (asked++ > 0) response.end(bytes)
    else response.write(bytes.subarray(0, 1_234_567), () => setTimeout(() => response.destroy(), 20))
    return true
  })
  using client = open(registry)
  assert.deepEqual(await collect(await client.repository.open(blob), 1e7), bytes)
})

test('open() gives up when a blob is shorter, longer or other than its descriptor says', { timeout: 20_000 }, async () => {
  await using registry = await startFaultyRegistry()
  const blob = registry.addBlob('a/b', bytes)
  using client = open(registry)
  const read = async (): Promise<unknown> => await collect(await client.repository.open(blob), 1e8)
  const cases: readonly (readonly [Buffer, boolean, string])[] = [
    [bytes.subarray(1), true, 'SIZE_MISMATCH'],
    [Buffer.concat([bytes, bytes]), true, 'SIZE_MISMATCH'],
    [Buffer.concat([bytes, bytes]), false, 'SIZE_MISMATCH'],
    [Buffer.alloc(bytes.length), true, 'DIGEST_MISMATCH'],
  ]
  for (const [body, withLength, code] of cases) {
    const stop = registry.fault((request, response) => {
      if (!isBlob(request)) return false
      response.writeHead(200, withLength ? { 'content-length': body.length } : {}).end(body)
      return true
    })
    assert.equal((await rejects(read(), code)).kind, 'data_loss')
    stop()
  }
  // it has less, and says so only when asked for the rest
  const stop = registry.fault((request, response) => {
    if (!isBlob(request)) return false
    if (request.headers.range === undefined) response.writeHead(200).end(bytes.subarray(0, 1000))
    else response.writeHead(416).end()
    return true
  })
  await rejects(read(), 'SIZE_MISMATCH')
  stop()
  registry.fault((request, response) => {
    if (!isBlob(request)) return false
    const send = (): void => void (response.write(Buffer.alloc(65536)) ? setImmediate(send) : response.once('drain', send))
    send()
    return true
  })
  await rejects(read(), 'SIZE_MISMATCH')
})

test('open() gives up when every connection breaks before any progress', async () => {
  await using registry = await startFaultyRegistry()
  const blob = registry.addBlob('a/b', bytes)
  registry.fault((request, response) => {
    if (!isBlob(request)) return false
    response.writeHead(request.headers.range === undefined ? 200 : 206, {
      'content-length': bytes.length,
      'content-range': `${request.headers.range?.replace('=', ' ')}/${bytes.length}`,
    })
    response.flushHeaders()
    setTimeout(() => response.destroy(), 5)
    return true
  })
  using client = open(registry)
  await rejects(collect(await client.repository.open(blob), 1e7), 'CONNECTION_LOST')
  assert.ok(registry.requests.length < 10)
})

test('a request is repeated when the registry fails three times, and not when it refuses', async () => {
  await using registry = await startFaultyRegistry()
  const descriptor = registry.addManifest('a/b', 'v1', manifest)
  for (const status of [500, 502, 503, 504, 408]) {
    using client = open(registry)
    registry.requests.length = 0
    registry.faultTimes(3, isManifest, (_request, response) => done(response.writeHead(status).end('<html>')))
    assert.deepEqual(await client.repository.resolve('v1'), descriptor)
    assert.equal(registry.requests.filter(isManifest).length, 4)
  }
  using client = open(registry, { attempts: 3 })
  const stop = registry.fault((request, response) => isManifest(request) && done(response.writeHead(500).end()))
  registry.requests.length = 0
  assert.equal((await rejects(client.repository.resolve('v1'), 'HTTP_500')).kind, 'unavailable')
  assert.equal(registry.requests.filter(isManifest).length, 3)
  stop()
  registry.fault((request, response) => isManifest(request) && done(response.writeHead(400).end()))
  registry.requests.length = 0
  await rejects(client.repository.manifest('v1'), 'HTTP_400')
  assert.equal(registry.requests.filter(isManifest).length, 1)
})

test('a request waits as long as the registry asks when there were too many (429), and not for ever', async () => {
  await using registry = await startFaultyRegistry()
  registry.addManifest('a/b', 'v1', manifest)
  const waits: number[] = []
  using client = open(registry, { onRetry: (_reason, wait) => waits.push(wait) })
  const tooMany = (retryAfter: string): void =>
    registry.faultTimes(1, isManifest, (_request, response) =>
      refuse(response, 429, 'TOOMANYREQUESTS', 'You have reached your pull rate limit', { 'retry-after': retryAfter }),
    )
  tooMany('1')
  const started = performance.now()
  await client.repository.resolve('v1')
  assert.ok(performance.now() - started >= 990)
  assert.deepEqual(waits, [1000])
  tooMany(new Date(Date.now() - 5000).toUTCString())
  await client.repository.resolve('v1')
  assert.deepEqual(waits, [1000, 0])
  tooMany('86400')
  const error = await rejects(client.repository.resolve('v1'), 'TOOMANYREQUESTS')
  assert.equal(error.kind, 'resource_exhausted')
  assert.match(error.hint ?? '', /log in for a higher limit/)
})

test('a redirect is followed without credentials when it leads to another host', async () => {
  await using registry = await startFaultyRegistry({
    challenge: ({ headers }) => (headers.authorization === undefined ? 'Basic realm="x"' : undefined),
  })
  const blob = registry.addBlob('a/b', bytes)
  await using storage = await startPeer(({ headers }, response) =>
    done(response.writeHead(headers.authorization === undefined ? 200 : 400).end(bytes)),
  )
  registry.fault(({ path, method }, response) => {
    if (!path.includes('/blobs/') || method !== 'GET') return false
    const location = path.includes('hop') ? `${storage.url}/b?X-Amz-Signature=secret` : '/v2/a/b/blobs/hop'
    response.writeHead(307, { location, 'content-length': 5 }).end('moved')
    return true
  })
  using client = open(registry, { credentials: { get: async () => ({ kind: 'password', username: 'u', password: 'p' }) } })
  assert.deepEqual(await collect(await client.repository.open(blob), 1e7), bytes)
  assert.equal(storage.requests.length, 1)
  const own = registry.requests.filter(isBlob)
  assert.ok(own.at(-1)?.headers.authorization)
  assert.ok(own.at(-1)?.path.endsWith('hop'))
})

test('a redirect is an error when it leads in a circle, to no http, or its target refuses; its query is not shown', async () => {
  await using registry = await startFaultyRegistry()
  const blob = registry.addBlob('a/b', bytes)
  await using storage = await startPeer((_request, response) => done(response.writeHead(403).end('<Error>AccessDenied</Error>')))
  using client = open(registry)
  const cases: readonly (readonly [string | undefined, string])[] = [
    ['?again', 'TOO_MANY_REDIRECTS'],
    ['ftp://x/', 'LOCATION_INVALID'],
    ['http://[', 'LOCATION_INVALID'],
    [undefined, 'LOCATION_INVALID'],
    [`${storage.url.replace('://', '://user:secret@')}/x?sig=secret`, 'HTTP_403'],
  ]
  for (const [location, code] of cases) {
    const stop = registry.fault(
      (request, response) =>
        isBlob(request) && done(response.writeHead(302, { ...(location !== undefined && { location }) }).end()),
    )
    const error = await rejects(client.repository.open(blob), code)
    assert.ok(!JSON.stringify([error.message, error.hint, error.detail]).includes('secret'))
    assert.equal(error.kind, 'unavailable')
    stop()
  }
})

test('warnings of the registry are passed on once each', async () => {
  await using registry = await startFaultyRegistry()
  registry.addManifest('a/b', 'v1', manifest)
  registry.fault(
    (_request, response) => void response.setHeader('warning', ['299 - "moving soon"', '199 - "private"', '299 - "read only"']),
  )
  const warnings: string[] = []
  using client = open(registry, { onWarning: (message) => warnings.push(message) })
  await client.repository.resolve('v1')
  await client.repository.resolve('v1')
  assert.deepEqual(warnings, ['moving soon', 'read only'])
})

test('tags() follows pages, takes null for an empty list, and stops where it is told to or a list leads in a circle', async () => {
  await using registry = await startFaultyRegistry()
  for (let tag = 0; tag < 25; tag++) registry.addManifest('a/b', `t${String(tag).padStart(2, '0')}`, manifest)
  using client = open(registry)
  // pages of ten, whatever was asked for
  registry.fault(({ query }) => void (query.has('n') && query.set('n', '10')))
  assert.equal((await client.repository.tags()).length, 25)
  assert.deepEqual(await client.repository.tags({ limit: 2 }), ['t00', 't01'])
  // a registry's order is its own, and its Link knows where to go on
  const stopOrder = registry.fault(({ path, query }, response) => {
    if (!path.endsWith('/tags/list')) return false
    if (query.get('next') === 'opaque') return done(response.end('{"tags":["C","d"]}'))
    return done(response.writeHead(200, { link: '<list?next=opaque>; rel="next"' }).end('{"tags":["a","B"]}'))
  })
  assert.deepEqual(await client.repository.tags(), ['a', 'B', 'C', 'd'])
  stopOrder()
  const bodies = ['{"name":"a/b","tags":null}', '{}', 'null', '{"tags":"x"}', '{"tags":[1,null]}']
  for (const body of bodies) {
    const stop = registry.fault((_request, response) => done(response.end(body)))
    assert.deepEqual(await client.repository.tags(), [])
    stop()
  }
  const stop = registry.fault((_request, response) =>
    done(response.writeHead(200, { link: '</v2/a/b/tags/list?last=x>; rel="next"' }).end('{"tags":["x"]}')),
  )
  await rejects(client.repository.tags(), 'LIST_ENDLESS')
  stop()
  registry.tags.clear()
  await rejects(client.repository.tags(), 'NAME_UNKNOWN')
})

test('catalog() lists repositories where the registry does', async () => {
  await using registry = await startFaultyRegistry()
  const client = createRegistryClient({ certificateFolders: [] })
  await assert.rejects(client.catalog(registry.host), { kind: 'not_found' })
  registry.fault(({ path }, response) => path === '/v2/_catalog' && done(response.end('{"repositories":["a","b/c"]}')))
  assert.deepEqual(await client.catalog(registry.host), ['a', 'b/c'])
  client.close()
})

test('an operation ends with "canceled" when its signal is aborted, amid a blob and amid a wait', async () => {
  await using registry = await startFaultyRegistry()
  const blob = registry.addBlob('a/b', bytes)
  using client = open(registry, { retryDelay: 60_000 })
  const controller = new AbortController()
  registry.faultTimes(1, isBlob, (_request, response) =>
    done(response.writeHead(200, { 'content-length': bytes.length }).write('x')),
  )
  const stream = await client.repository.open(blob, { signal: controller.signal })
  setTimeout(() => controller.abort(), 20)
  await rejects(collect(stream, 1e7), 'CANCELED')
  registry.faultTimes(1, isBlob, (_request, response) => done(response.writeHead(500).end()))
  await rejects(client.repository.open(blob, { signal: AbortSignal.timeout(50) }), 'CANCELED')
})

test('TLS and what else is slow to load are not loaded for plain HTTP', async () => {
  await using registry = await startFaultyRegistry()
  registry.addManifest('a/b', 'v1', manifest)
  const script = `
    import { createRegistryClient } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
    using client = createRegistryClient({ certificateFolders: [] })
    await client.repository({ domain: ${JSON.stringify(registry.host)}, path: 'a/b' }).resolve('v1')
    process.exitCode = process.moduleLoadList.some((name) => /NativeModule (tls|https|internal.deps.undici)/.test(name)) ? 1 : 0`
  const { status } = await runProcess(process.execPath, ['--input-type=module-typescript', '-e', script])
  assert.equal(status, 0)
})
