import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { streamOf, type ByteStream } from '../lib/bytes.ts'
import { describe } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { startFaultyRegistry, type FaultyRegistry } from '../testing/faulty-registry.ts'
import { done, type PeerRequest } from '../testing/http-peer.ts'
import { createRegistryClient } from './client.ts'
import { createUploadJournal } from './upload-journal.ts'

// Blobs above 4 MiB: what has arrived of them counts, in this process and the next.

const bytes = randomBytes(6_000_000)
const blob = describe(bytes, mediaTypes.ociLayer)
const isUpload = (method: string) => (request: PeerRequest) =>
  request.method === method && request.path.includes('/blobs/uploads/')
const calls = (registry: FaultyRegistry): readonly string[] =>
  registry.requests.filter(({ path }) => path.includes('/blobs/')).map(({ method }) => method)

const open = (registry: FaultyRegistry, folder: string) => {
  const uploads = createUploadJournal({ folder, now: () => new Date() })
  const client = createRegistryClient({ retryDelay: 1, certificateFolders: [], uploads })
  return { repository: client.repository({ domain: registry.host, path: 'a/b' }), [Symbol.dispose]: () => client.close() }
}

const from = (offsets: number[] = []) => {
  // oxlint-disable-next-line require-await
  return async (offset: number): Promise<ByteStream> => {
    offsets.push(offset)
    return streamOf(bytes.subarray(offset, 5_000_000), bytes.subarray(Math.max(offset, 5_000_000)))
  }
}

/** Breaks the upload's next streaming request after `kept` more bytes, which the registry keeps. */
const breakAfter = (registry: FaultyRegistry, kept: number): void =>
  registry.faultTimes(1, isUpload('PATCH'), (request) => {
    const id = request.path.slice(request.path.lastIndexOf('/') + 1)
    const chunks: Buffer[] = [registry.uploads.get(id) ?? Buffer.alloc(0)]
    const end = chunks[0]!.length + kept
    request.incoming.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      const all = Buffer.concat(chunks)
      if (all.length < end || request.incoming.destroyed) return
      registry.uploads.set(id, all.subarray(0, end))
      request.incoming.destroy()
    })
    return true
  })

test('a large blob is streamed as docker does: POST, PATCH without a range, empty PUT, each at the newest location', async () => {
  await using folder = await temporaryFolder()
  await using registry = await startFaultyRegistry()
  let newest = 0
  registry.fault((request, response) => {
    if (!request.path.includes('/blobs/uploads/')) return false
    if (request.method !== 'POST') assert.equal(request.query.get('n'), String(newest))
    const writeHead = response.writeHead.bind(response) as (status: number, headers: Record<string, string>) => typeof response
    response.writeHead = ((status: number, headers: Record<string, string>) =>
      writeHead(status, {
        ...headers,
        ...(headers['location'] !== undefined && { location: `${headers['location']}&n=${++newest}` }),
      })) as unknown as typeof response.writeHead
    return false
  })
  using client = open(registry, folder.path)
  await client.repository.writeFrom(blob, from())
  assert.deepEqual(registry.blobs.get(`a/b@${blob.digest}`), bytes)
  const [, patch, put] = registry.requests.filter(({ path }) => path.includes('/blobs/uploads/'))
  assert.deepEqual(calls(registry), ['POST', 'PATCH', 'PUT'])
  assert.equal(patch?.headers['content-range'], undefined)
  assert.equal(patch?.headers['content-length'], String(bytes.length))
  assert.equal(put?.headers['content-length'], '0')
})

test('a large blob is sent in one request where the registry does not stream', async () => {
  await using folder = await temporaryFolder()
  await using registry = await startFaultyRegistry()
  registry.fault(
    (request, response) => isUpload('PATCH')(request) && done(response.writeHead(405, { connection: 'close' }).end()),
  )
  using client = open(registry, folder.path)
  await client.repository.writeFrom(blob, from())
  assert.deepEqual(registry.blobs.get(`a/b@${blob.digest}`), bytes)
  assert.equal(calls(registry).at(-1), 'PUT')
})

test('an upload that breaks more often than a request is repeated ends all the same while it comes further', async () => {
  await using folder = await temporaryFolder()
  await using registry = await startFaultyRegistry()
  for (let count = 0; count < 9; count++) breakAfter(registry, 500_000)
  using client = open(registry, folder.path)
  const offsets: number[] = []
  await client.repository.writeFrom(blob, from(offsets))
  assert.deepEqual(
    offsets,
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((count) => count * 500_000),
  )
  assert.deepEqual(registry.blobs.get(`a/b@${blob.digest}`), bytes)
})

test('an upload that another process left is gone on with, and begun anew where the registry has none', async () => {
  await using folder = await temporaryFolder()
  for (const forgotten of [false, true]) {
    await using registry = await startFaultyRegistry()
    {
      using client = open(registry, folder.path)
      breakAfter(registry, 2_000_000)
      const controller = new AbortController()
      registry.faultTimes(1, isUpload('GET'), () => {
        controller.abort()
        return true
      })
      await assert.rejects(client.repository.writeFrom(blob, from(), { signal: controller.signal }), {
        kind: 'canceled',
        hint: /^[\d.]+MB of 6MB have been sent: the next push goes on from what the registry has kept$/,
      })
      assert.equal(registry.uploads.size, 1)
    }
    if (forgotten) registry.uploads.clear()
    registry.requests.length = 0
    using client = open(registry, folder.path)
    const offsets: number[] = []
    await client.repository.writeFrom(blob, from(offsets))
    assert.deepEqual(offsets, [forgotten ? 0 : 2_000_000])
    assert.deepEqual(calls(registry), forgotten ? ['GET', 'POST', 'PATCH', 'PUT'] : ['GET', 'PATCH', 'PUT'])
    assert.deepEqual(registry.blobs.get(`a/b@${blob.digest}`), bytes)
    assert.equal(registry.uploads.size, 0)
  }
})

test('an upload that was left and turns out to be wrong is begun anew', async () => {
  await using folder = await temporaryFolder()
  await using registry = await startFaultyRegistry()
  breakAfter(registry, 2_000_000)
  registry.faultTimes(1, isUpload('GET'), (_request, response) => {
    for (const id of registry.uploads.keys()) registry.uploads.set(id, Buffer.alloc(2_000_000))
    return done(response.socket?.destroy())
  })
  using client = open(registry, folder.path)
  const offsets: number[] = []
  await client.repository.writeFrom(blob, from(offsets))
  assert.deepEqual(offsets, [0, 2_000_000, 0])
  assert.deepEqual(registry.blobs.get(`a/b@${blob.digest}`), bytes)
})

test('an upload that ended before its process could note it is forgotten when the blob is found', async () => {
  await using folder = await temporaryFolder()
  await using registry = await startFaultyRegistry()
  const journal = createUploadJournal({ folder: folder.path, now: () => new Date() })
  {
    await using claim = await journal.claim({ domain: registry.host, path: 'a/b', digest: blob.digest })
    await claim.write({ location: `${registry.url}/v2/a/b/blobs/uploads/x`, minChunk: 0 })
  }
  registry.addBlob('a/b', bytes)
  using client = open(registry, folder.path)
  assert.equal(await client.repository.has(blob), true)
  assert.deepEqual(readdirSync(folder.path), [])
})
