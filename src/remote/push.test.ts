import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { streamOf, type ByteStream } from '../lib/bytes.ts'
import { isGantryError, type GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import { describe, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { refuse, startFaultyRegistry, type FaultyRegistry } from '../testing/faulty-registry.ts'
import { done, type PeerRequest } from '../testing/http-peer.ts'
import { createRegistryClient, type RegistryClientOptions } from './client.ts'
import type { RemoteRepository, RepositoryOptions } from './interfaces.ts'
import { referrersTag } from '../oci/referrer.ts'

const open = (
  registry: FaultyRegistry,
  { mountFrom, ...options }: RegistryClientOptions & RepositoryOptions = {},
): Disposable & { readonly repository: RemoteRepository } => {
  const client = createRegistryClient({ retryDelay: 1, certificateFolders: [], ...options })
  const repository = client.repository({ domain: registry.host, path: 'a/b' }, mountFrom === undefined ? {} : { mountFrom })
  return { repository, [Symbol.dispose]: () => client.close() }
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
const blob = describe(bytes, mediaTypes.ociLayer)

/** The bytes from an offset on, in chunks of 64 KiB, and what was asked for. */
const replayable = (content = bytes): { readonly open: (offset: number) => Promise<ByteStream>; readonly offsets: number[] } => {
  const offsets: number[] = []
  return {
    offsets,
    // oxlint-disable-next-line require-await
    open: async (offset) => {
      offsets.push(offset)
      return (async function* chunks(): ByteStream {
        for (let start = offset; start < content.length; start += 65536) {
          yield content.subarray(start, start + 65536)
          await new Promise(setImmediate)
        }
      })()
    },
  }
}

const stored = (registry: FaultyRegistry, { digest }: Descriptor, path = 'a/b'): Buffer | undefined =>
  registry.blobs.get(`${path}@${digest}`)
const isUpload = (method: string) => (request: PeerRequest) =>
  request.method === method && request.path.includes('/blobs/uploads/')
const methods = (registry: FaultyRegistry): readonly string[] =>
  registry.requests.filter(({ path }) => path !== '/v2/').map(({ method }) => method)
const manifestOf = (more: object = {}) => {
  const body = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: describe(Buffer.from('{}'), mediaTypes.ociEmpty),
    layers: [],
    ...more,
  }
  const content = encodeJson(body)
  return { content, descriptor: describe(content, mediaTypes.ociManifest) }
}

test("write() uploads in one request that keeps the registry's query, with relative and absolute locations", async () => {
  for (const absoluteLocations of [false, true]) {
    await using registry = await startFaultyRegistry({ absoluteLocations })
    using client = open(registry)
    await client.repository.write(blob, streamOf(bytes))
    assert.deepEqual(stored(registry, blob), bytes)
    assert.deepEqual(methods(registry), ['POST', 'PUT'])
    assert.equal(registry.requests.at(-2)?.headers['content-length'], '0')
    const put = registry.requests.at(-1)
    assert.match(put?.incoming.url ?? '', /\?_state=a%2Fb%3D&digest=sha256:[0-9a-f]{64}$/)
    assert.equal(put?.headers['content-length'], String(bytes.length))
    assert.equal(put?.headers['transfer-encoding'], undefined)
    const empty = describe(Buffer.alloc(0), mediaTypes.ociLayer)
    await client.repository.write(empty, streamOf())
    assert.equal(stored(registry, empty)?.length, 0)
    const wide = { ...blob, digest: digestOf(bytes, 'sha512') }
    await client.repository.write(wide, streamOf(bytes))
    assert.equal(registry.requests.at(-2)?.query.get('digest-algorithm'), 'sha512')
    assert.deepEqual(stored(registry, wide), bytes)
  }
})

test('write() stores nothing and leaves no upload when the bytes are not those of the descriptor', async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  for (const [content, code] of [
    [Buffer.alloc(bytes.length), 'DIGEST_MISMATCH'],
    [bytes.subarray(1), 'SIZE_MISMATCH'],
    [Buffer.concat([bytes, bytes]), 'SIZE_MISMATCH'],
  ] as const)
    assert.equal((await rejects(client.repository.write(blob, streamOf(content)), code)).kind, 'data_loss')
  const empty = describe(Buffer.alloc(0), mediaTypes.ociLayer)
  await rejects(client.repository.write(empty, streamOf(Buffer.alloc(1))), 'SIZE_MISMATCH')
  assert.equal(registry.blobs.size, 0)
  assert.equal(registry.uploads.size, 0)
})

test('writeFrom() goes on from where the registry says when the connection breaks', async () => {
  await using registry = await startFaultyRegistry()
  registry.faultTimes(1, isUpload('PUT'), (request) => {
    let size = 0
    const chunks: Buffer[] = []
    const id = request.path.slice(request.path.lastIndexOf('/') + 1)
    request.incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size < 1_000_000 || request.incoming.destroyed) return
      registry.uploads.set(id, Buffer.concat(chunks))
      request.incoming.destroy()
    })
    return true
  })
  using client = open(registry)
  const source = replayable()
  await client.repository.writeFrom(blob, source.open)
  assert.deepEqual(stored(registry, blob), bytes)
  assert.deepEqual(methods(registry), ['POST', 'PUT', 'GET', 'PUT'])
  const [first, second] = source.offsets
  assert.equal(first, 0)
  assert.ok(second !== undefined && second >= 1_000_000)
  assert.equal(registry.requests.at(-1)?.headers['content-range'], `${second}-${bytes.length - 1}`)
})

test('writeFrom() starts again when the upload is forgotten, or its state says nothing', async () => {
  const cases: readonly ((registry: FaultyRegistry) => void)[] = [
    (registry) => registry.uploads.clear(),
    (registry) =>
      registry.faultTimes(1, isUpload('GET'), (_request, response) => done(response.writeHead(204, { range: '0-0' }).end())),
    (registry) => registry.faultTimes(1, isUpload('GET'), (_request, response) => done(response.writeHead(204).end())),
    (registry) => registry.faultTimes(1, isUpload('GET'), (_request, response) => done(response.writeHead(405).end())),
    (registry) =>
      registry.faultTimes(1, isUpload('GET'), (_request, response) =>
        done(response.writeHead(204, { range: '0-99999999' }).end()),
      ),
  ]
  for (const fault of cases) {
    await using registry = await startFaultyRegistry()
    registry.faultTimes(1, isUpload('PUT'), (request) => {
      fault(registry)
      return done(request.incoming.destroy())
    })
    using client = open(registry)
    const source = replayable()
    await client.repository.writeFrom(blob, source.open)
    assert.deepEqual(stored(registry, blob), bytes)
    assert.deepEqual(source.offsets, [0, 0])
    assert.equal(registry.uploads.size, 0)
  }
})

test('writeFrom() uploads all again when what the registry had kept was wrong', async () => {
  await using registry = await startFaultyRegistry()
  registry.faultTimes(1, isUpload('PUT'), (request) => {
    registry.uploads.set(request.path.slice(request.path.lastIndexOf('/') + 1), Buffer.alloc(100_000))
    return done(request.incoming.destroy())
  })
  using client = open(registry)
  const source = replayable()
  await client.repository.writeFrom(blob, source.open)
  assert.deepEqual(source.offsets, [0, 100_000, 0])
  assert.deepEqual(stored(registry, blob), bytes)
})

test('writeFrom() sends chunks of the least length when the blob is too large for one request (413)', async () => {
  const large = randomBytes(40_000_000)
  await using registry = await startFaultyRegistry({ maxBody: 18_000_000, chunkMinLength: 17_000_000 })
  // the second chunk is refused as out of order, after half of it was taken
  let patches = 0
  registry.fault(async (request, response) => {
    // the first of all is the whole blob
    if (!isUpload('PATCH')(request) || ++patches !== 3) return false
    const id = request.path.slice(request.path.lastIndexOf('/') + 1)
    registry.uploads.set(
      id,
      Buffer.concat([registry.uploads.get(id) ?? Buffer.alloc(0), (await request.body()).subarray(0, 5_000_000)]),
    )
    response.writeHead(416, { location: request.incoming.url, range: '0-21999999' }).end()
    return true
  })
  using client = open(registry)
  const source = replayable(large)
  const descriptor = describe(large, mediaTypes.ociLayer)
  await client.repository.writeFrom(descriptor, source.open)
  assert.ok(stored(registry, descriptor)?.equals(large))
  assert.deepEqual(
    registry.requests.filter(isUpload('PATCH')).map(({ headers }) => headers['content-range']),
    [undefined, '0-16999999', '17000000-33999999', '22000000-38999999', '39000000-39999999'],
  )
})

test('write() of a stream that has been read is not repeated, but for its end', async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  registry.faultTimes(1, isUpload('PUT'), async ({ body }, response) => {
    await body()
    return done(response.writeHead(500).end())
  })
  assert.equal((await rejects(client.repository.write(blob, streamOf(bytes)), 'HTTP_500')).kind, 'unavailable')
  assert.equal(registry.uploads.size, 0)
  // the registry had all bytes when it failed
  registry.faultTimes(1, isUpload('PUT'), async (request, response) => {
    registry.uploads.set(request.path.slice(request.path.lastIndexOf('/') + 1), await request.body())
    return done(response.writeHead(502).end())
  })
  await client.repository.write(blob, streamOf(bytes))
  assert.deepEqual(stored(registry, blob), bytes)
  // beginning to upload may be repeated in any case
  registry.faultTimes(3, isUpload('POST'), (_request, response) => done(response.writeHead(503).end()))
  registry.blobs.clear()
  await client.repository.write(blob, streamOf(bytes))
  assert.deepEqual(stored(registry, blob), bytes)
})

test('write() fails when the registry answers with another digest, without a location, or with one elsewhere', async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  let stop = registry.fault(
    (request, response) =>
      isUpload('PUT')(request) && done(response.writeHead(201, { 'docker-content-digest': digestOf('x') }).end()),
  )
  await rejects(client.repository.write(blob, streamOf(bytes)), 'DIGEST_MISMATCH')
  stop()
  stop = registry.fault((request, response) => isUpload('POST')(request) && done(response.writeHead(202).end()))
  await rejects(client.repository.write(blob, streamOf(bytes)), 'LOCATION_INVALID')
  stop()
  stop = registry.fault(
    (request, response) =>
      isUpload('PUT')(request) && refuse(response, 400, 'DIGEST_INVALID', 'provided digest did not match uploaded content'),
  )
  assert.equal((await rejects(client.repository.write(blob, streamOf(bytes)), 'DIGEST_INVALID')).kind, 'data_loss')
  stop()
})

test('an upload to another host carries no credentials', async () => {
  await using storage = await startFaultyRegistry()
  await using registry = await startFaultyRegistry({
    challenge: ({ headers }) => (headers.authorization === undefined ? 'Basic realm="x"' : undefined),
  })
  registry.fault((request, response) => {
    if (!isUpload('POST')(request) || request.headers.authorization === undefined) return false
    storage.uploads.set('id', Buffer.alloc(0))
    return done(response.writeHead(202, { location: `${storage.url}/v2/x/blobs/uploads/id?_state=a/b=` }).end())
  })
  using client = open(registry, { credentials: { get: async () => ({ kind: 'password', username: 'u', password: 'p' }) } })
  await client.repository.write(blob, streamOf(bytes))
  assert.deepEqual(stored(storage, blob, 'x'), bytes)
  assert.ok(storage.requests.every(({ headers }) => headers.authorization === undefined))
})

test('mount() takes a blob from another repository, or goes on in the upload that the registry began instead', async () => {
  await using registry = await startFaultyRegistry()
  registry.addBlob('other', bytes)
  {
    using client = open(registry, { mountFrom: ['other'] })
    assert.equal(await client.repository.mount(blob), true)
    assert.deepEqual(methods(registry), ['POST'])
  }
  {
    using client = open(registry, { mountFrom: ['none', 'other'] })
    registry.requests.length = 0
    assert.equal(await client.repository.mount(blob), true)
    assert.deepEqual(methods(registry), ['HEAD', 'HEAD', 'POST'])
    assert.equal(await client.repository.mount({ ...blob, digest: digestOf('nowhere') }), false)
  }
  {
    await using without = await startFaultyRegistry({ mount: false })
    using client = open(without, { mountFrom: ['other'] })
    assert.equal(await client.repository.mount(blob), false)
    await client.repository.write(blob, streamOf(bytes))
    assert.deepEqual(methods(without), ['POST', 'PUT'])
    assert.deepEqual(stored(without, blob), bytes)
  }
  using client = open(registry)
  assert.equal(await client.repository.mount(blob), false)
})

test('mount() answers false when the registry refuses or mounts something else', async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry, { mountFrom: ['other'] })
  for (const status of [400, 401, 403, 404, 405]) {
    const stop = registry.fault((request, response) => isUpload('POST')(request) && done(response.writeHead(status).end()))
    assert.equal(await client.repository.mount(blob), false, String(status))
    stop()
  }
  registry.fault(
    (request, response) =>
      isUpload('POST')(request) && done(response.writeHead(201, { 'docker-content-digest': digestOf('x') }).end()),
  )
  assert.equal(await client.repository.mount(blob), false)
})

test('write() and tag() put a manifest by digest and by tag, byte for byte', async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  const content = Buffer.from(`${manifestOf().content.toString()}\n\n`)
  const descriptor = describe(content, mediaTypes.ociManifest)
  await client.repository.write(descriptor, streamOf(content))
  await client.repository.tag('v1', descriptor)
  await client.repository.tag(`${registry.host}/a/b:v2`, descriptor)
  await client.repository.tag(descriptor.digest, descriptor)
  assert.deepEqual(methods(registry), ['PUT', 'PUT', 'PUT'])
  assert.deepEqual(registry.manifests.get(`a/b@${descriptor.digest}`), { bytes: content, mediaType: mediaTypes.ociManifest })
  assert.deepEqual(
    [...registry.tags],
    [
      ['a/b:v1', descriptor.digest],
      ['a/b:v2', descriptor.digest],
    ],
  )
  await rejects(client.repository.tag(digestOf('x'), descriptor), 'TAG_INVALID')
  await rejects(client.repository.write(descriptor, streamOf(Buffer.alloc(content.length))), 'DIGEST_MISMATCH')
  // a manifest that somebody else wrote is fetched to be tagged
  using other = open(registry)
  await other.repository.tag('v3', descriptor)
  assert.equal(registry.tags.get('a/b:v3'), descriptor.digest)
  registry.fault(
    (request, response) =>
      request.method === 'PUT' && done(response.writeHead(201, { 'docker-content-digest': digestOf('x') }).end()),
  )
  await rejects(client.repository.tag('v4', descriptor), 'DIGEST_MISMATCH')
})

test('write() of a manifest reports what the registry misses in it', async () => {
  for (const status of [400, 404]) {
    await using registry = await startFaultyRegistry()
    using client = open(registry)
    registry.fault(
      (request, response) =>
        request.method === 'PUT' && refuse(response, status, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry'),
    )
    const { content, descriptor } = manifestOf()
    const error = await rejects(client.repository.write(descriptor, streamOf(content)), 'MANIFEST_BLOB_UNKNOWN')
    assert.equal(error.kind, 'failed_precondition')
    assert.match(error.message, /^Cannot push ".*@sha256:.*": manifest blob unknown: blob unknown to registry$/)
  }
})

test('a manifest of 4 MB is pushed and pulled', async () => {
  await using registry = await startFaultyRegistry()
  const { content, descriptor } = manifestOf({ annotations: { a: 'x'.repeat(3_999_000), b: ' '.repeat(1000) } })
  assert.ok(descriptor.size >= 4_000_000)
  using writer = open(registry)
  await writer.repository.write(descriptor, streamOf(content))
  await writer.repository.tag('v1', descriptor)
  using reader = open(registry)
  assert.deepEqual(await reader.repository.resolve('v1'), descriptor)
  assert.deepEqual((await reader.repository.manifest('v1')).bytes, Buffer.from(content))
})

test('write() says push access denied when the registry refuses', async () => {
  await using registry = await startFaultyRegistry()
  registry.fault(
    ({ path }, response) => path !== '/v2/' && refuse(response, 403, 'DENIED', 'requested access to the resource is denied'),
  )
  using client = open(registry, { credentials: { get: async () => ({ kind: 'password', username: 'ann', password: 'p' }) } })
  const error = await rejects(client.repository.write(blob, streamOf(bytes)), 'DENIED')
  assert.equal(error.message, `push access denied for ${registry.host}/a/b: denied: requested access to the resource is denied`)
  assert.match(error.hint ?? '', /"ann"/)
})

test('referrers() lists by the API, and filters when the registry does not', async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  const subject = describe(manifestOf().content, mediaTypes.ociManifest)
  assert.deepEqual(await client.repository.referrers(subject.digest), [])
  const signature = manifestOf({ subject, artifactType: 'application/x.sig', annotations: { a: '1' } })
  const other = manifestOf({ subject, artifactType: 'application/x.sbom' })
  for (const { content, descriptor } of [signature, other]) await client.repository.write(descriptor, streamOf(content))
  assert.equal((await client.repository.referrers(subject.digest)).length, 2)
  assert.deepEqual(await client.repository.referrers(subject.digest, { artifactType: 'application/x.sig' }), [
    { ...signature.descriptor, artifactType: 'application/x.sig', annotations: { a: '1' } },
  ])
  assert.equal(registry.tags.size, 0)
})

test('write(), referrers() and deleteManifest() keep the list under a tag when the registry has no referrers API', async () => {
  await using registry = await startFaultyRegistry({ referrers: false })
  using client = open(registry)
  const { repository } = client
  const subject = describe(manifestOf().content, mediaTypes.ociManifest)
  const tag = `a/b:${referrersTag(subject.digest)}`
  const first = manifestOf({ subject, artifactType: 'application/x.sig', annotations: { a: '1' } })
  const second = manifestOf({ subject })
  for (const { content, descriptor } of [first, second, first]) await repository.write(descriptor, streamOf(content))
  assert.equal(tag, `a/b:sha256-${subject.digest.slice(7)}`)
  const list = (): { readonly manifests: readonly unknown[] } =>
    JSON.parse(String(registry.manifests.get(`a/b@${registry.tags.get(tag)}`)?.bytes)) as {
      readonly manifests: readonly unknown[]
    }
  const expected = [
    { ...first.descriptor, artifactType: 'application/x.sig', annotations: { a: '1' } },
    { ...second.descriptor, artifactType: mediaTypes.ociEmpty },
  ]
  assert.deepEqual(list().manifests, expected)
  assert.deepEqual(await repository.referrers(subject.digest), expected)
  // a list by another client with a wrong artifactType and a field of its own
  registry.addManifest(
    'a/b',
    tag.slice(4),
    { schemaVersion: 2, mediaType: mediaTypes.ociIndex, x: 1, manifests: [{ ...first.descriptor, artifactType: 'wrong', y: 2 }] },
    mediaTypes.ociIndex,
  )
  using reader = open(registry)
  assert.deepEqual((await reader.repository.referrers(subject.digest, { artifactType: 'application/x.sig' })).length, 1)
  assert.deepEqual(await reader.repository.referrers(subject.digest, { artifactType: 'wrong' }), [])
  await repository.write(second.descriptor, streamOf(second.content))
  assert.deepEqual(list(), {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    x: 1,
    manifests: [{ ...first.descriptor, artifactType: 'wrong', y: 2 }, expected[1]],
  })
  assert.equal(await repository.deleteManifest(first.descriptor.digest), true)
  assert.deepEqual(list().manifests, [expected[1]])
  assert.equal(await repository.deleteManifest(second.descriptor.digest), true)
  assert.equal(registry.tags.has(tag), false)
  assert.equal(await repository.deleteManifest(second.descriptor.digest), false)
})

test('write() adds to the list of referrers again when another client has replaced it meanwhile', async () => {
  await using registry = await startFaultyRegistry({ referrers: false })
  using client = open(registry)
  const subject = describe(manifestOf().content, mediaTypes.ociManifest)
  const tag = referrersTag(subject.digest)
  const other = { ...describe(Buffer.from('other'), mediaTypes.ociManifest), artifactType: 'theirs' }
  let raced = false
  registry.fault((request) => {
    if (raced || request.method !== 'GET' || !request.path.endsWith(tag) || !registry.tags.has(`a/b:${tag}`)) return
    raced = true
    registry.addManifest(
      'a/b',
      tag,
      { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [other] },
      mediaTypes.ociIndex,
    )
  })
  const mine = manifestOf({ subject })
  await client.repository.write(mine.descriptor, streamOf(mine.content))
  assert.deepEqual(
    (await client.repository.referrers(subject.digest)).map(({ digest }) => digest),
    [other.digest, mine.descriptor.digest],
  )
})

test('deleteTag(), deleteManifest() and deleteBlob() tell what was there, and what the registry cannot', async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  const { content, descriptor } = manifestOf()
  await client.repository.write(descriptor, streamOf(content))
  await client.repository.tag('v1', descriptor)
  await client.repository.tag('v2', descriptor)
  registry.addBlob('a/b', bytes)
  assert.equal(await client.repository.deleteTag('v1'), true)
  assert.equal(await client.repository.deleteTag('v1'), false)
  assert.equal(await client.repository.deleteManifest(descriptor.digest), true)
  assert.equal(registry.tags.size, 0)
  assert.equal(await client.repository.deleteBlob(blob.digest), true)
  assert.equal(await client.repository.deleteBlob(blob.digest), false)
  for (const status of [405, 400]) {
    const stop = registry.fault(
      ({ method }, response) => method === 'DELETE' && refuse(response, status, 'UNSUPPORTED', 'The operation is unsupported'),
    )
    assert.equal((await rejects(client.repository.deleteTag('v2'), 'UNSUPPORTED')).kind, 'unsupported')
    stop()
  }
})

test('write() cancels the upload when it is aborted', async () => {
  await using registry = await startFaultyRegistry()
  using client = open(registry)
  const controller = new AbortController()
  async function* slow(): ByteStream {
    yield bytes.subarray(0, 100_000)
    controller.abort()
    await new Promise((resolve) => setTimeout(resolve, 20))
    yield bytes.subarray(100_000)
  }
  await rejects(client.repository.write(blob, slow(), { signal: controller.signal }), 'CANCELED')
  assert.equal(registry.uploads.size, 0)
  assert.equal(registry.blobs.size, 0)
})
