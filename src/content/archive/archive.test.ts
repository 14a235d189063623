import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { collect, streamOf } from '../../lib/bytes.ts'
import { readTar } from '../../lib/tar/reader.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { temporaryFolder, temporaryStore } from '../../testing/content-store-folder.ts'
import { chunksOf, randomImage, randomIndex } from '../../testing/random-image.ts'
import { copy } from '../copy.ts'
import { readImage } from '../image.ts'
import type { DiskStore } from '../interfaces.ts'
import { createManifest } from '../mutate.ts'
import { openArchiveSink } from './archive-sink.ts'
import { openArchive } from './open-archive.ts'
import { writeArchive, type ArchiveImage } from './write-archive.ts'

const limit = 64 << 20
const arm64 = { os: 'linux', architecture: 'arm64' }

const save = async (store: DiskStore, images: readonly ArchiveImage[]): Promise<Buffer> =>
  await collect(await writeArchive(store, images), limit)

const filesOf = async (archive: Uint8Array): Promise<ReadonlyMap<string, Buffer>> => {
  const files = new Map<string, Buffer>()
  for await (const { name, kind, body } of readTar(streamOf(archive)))
    if (kind === 'file') files.set(name, await collect(body, limit))
  return files
}
const jsonOf = async (archive: Uint8Array, name: string): Promise<unknown> =>
  JSON.parse((await filesOf(archive)).get(name)?.toString() ?? 'null')

test('writeArchive() gives the same bytes for the same images, with shared blobs once', async () => {
  await using one = await temporaryStore()
  await using two = await temporaryStore()
  const make = async (store: DiskStore): Promise<Buffer> => {
    const image = await randomImage(store)
    const { manifest } = await readImage(store, image)
    const second = await createManifest(store, { config: manifest.config, layers: manifest.layers, annotations: { a: 'b' } })
    return await save(store, [
      { target: image, names: ['docker.io/library/x:1', 'a.b/c:2'] },
      { target: second, names: [] },
    ])
  }
  const archive = await make(one.subject)
  assert.ok(archive.equals(await make(two.subject)))
  const names = (await Array.fromAsync(readTar(streamOf(archive)))).map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  assert.deepEqual(names.slice(0, 5), ['oci-layout', 'index.json', 'manifest.json', 'blobs', 'blobs/sha256'])
  assert.equal(names.length, 5 + 6)
})

test('writeArchive() lists each image in the manifest.json that docker reads', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const image = await randomImage(store)
  const { manifest } = await readImage(store, image)
  const archive = await save(store, [{ target: image, names: ['docker.io/library/x:1', `a.b/c@${image.digest}`] }])
  const path = ({ digest }: Descriptor): string => digest.replace('sha256:', 'blobs/sha256/')
  assert.deepEqual(await jsonOf(archive, 'manifest.json'), [
    { Config: path(manifest.config), RepoTags: ['docker.io/library/x:1'], Layers: manifest.layers.map(path) },
  ])
})

test('writeArchive() gives readers without indexes the wanted platform, or the first that is there', async () => {
  await using from = await temporaryStore()
  await using sparse = await temporaryStore()
  const index = await randomIndex(from.subject, { attestation: true })
  const configOf = async (archive: Uint8Array): Promise<string> =>
    ((await jsonOf(archive, 'manifest.json')) as { Config: string }[])[0]!.Config
  const expected = async (platform: typeof arm64): Promise<string> =>
    (await readImage(from.subject, index, { platform })).manifest.config.digest.replace('sha256:', 'blobs/sha256/')
  const images = [{ target: index, names: ['a/b:1'] }]
  assert.equal(await configOf(await save(from.subject, images)), await expected({ os: 'linux', architecture: 'amd64' }))
  const chosen = await collect(await writeArchive(from.subject, images, { platform: arm64 }), limit)
  assert.equal(await configOf(chosen), await expected(arm64))
  await copy(from.subject, sparse.subject, { from: index, platform: arm64 })
  assert.equal(await configOf(await save(sparse.subject, images)), await expected(arm64))
})

test('writeArchive() leaves artifacts out of manifest.json only', async () => {
  await using fixture = await temporaryStore()
  const { manifest } = await readImage(fixture.subject, await randomImage(fixture.subject))
  const config = { ...manifest.config, mediaType: 'application/vnd.x+json' }
  const artifact = await createManifest(fixture.subject, { config, layers: manifest.layers })
  const archive = await save(fixture.subject, [{ target: artifact, names: ['a/b:1'] }])
  assert.deepEqual(await jsonOf(archive, 'manifest.json'), [])
  assert.equal((await filesOf(archive)).size, 3 + 5)
})

test('writeArchive() is not_found before the first byte when a blob is missing', async () => {
  await using fixture = await temporaryStore()
  const image = await randomImage(fixture.subject)
  const { manifest } = await readImage(fixture.subject, image)
  await fixture.subject.delete(manifest.layers[1]!.digest)
  await assert.rejects(writeArchive(fixture.subject, [{ target: image, names: [] }]), { kind: 'not_found' })
  await fixture.subject.delete(image.digest)
  await assert.rejects(writeArchive(fixture.subject, [{ target: image, names: [] }]), { kind: 'not_found' })
})

const wrappings = [
  ['no compression', (bytes: Buffer) => bytes],
  ['gzip', (bytes: Buffer) => gzipSync(bytes)],
  ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
] as const

for (const [what, wrap] of wrappings)
  for (const how of ['file', 'stream'] as const)
    test(`openArchive() reads what writeArchive() wrote from a ${how} with ${what}`, async () => {
      await using from = await temporaryStore()
      await using to = await temporaryStore()
      await using folder = await temporaryFolder()
      const image = await randomImage(from.subject)
      const index = await randomIndex(from.subject, { layers: 1 })
      const images = [
        { target: image, names: ['docker.io/library/x:1', 'a.b/c:2'] },
        { target: index, names: [] },
      ]
      const bytes = wrap(await save(from.subject, images))
      const path = join(folder.path, 'archive')
      if (how === 'file') await writeFile(path, bytes)
      const temporary = join(folder.path, 'tmp')
      {
        await using archive = await openArchive(how === 'file' ? path : chunksOf(bytes, 999), { temporaryFolder: temporary })
        const listed = await archive.images()
        assert.deepEqual(listed, [
          { name: 'docker.io/library/x:1', descriptor: image },
          { name: 'a.b/c:2', descriptor: image },
          { descriptor: index },
        ])
        for (const { descriptor, name } of listed)
          await copy(archive, to.subject, { from: descriptor.digest, to: name ?? descriptor.digest })
        assert.deepEqual(await archive.resolve('a.b/c:2'), image)
        await assert.rejects(archive.resolve('a.b/c:3'), { kind: 'not_found' })
      }
      assert.ok((await save(to.subject, images)).equals(await save(from.subject, images)))
      if (how === 'stream' || what !== 'no compression') assert.deepEqual(readdirSync(temporary), [])
    })

test('openArchive() reads a layout folder', async () => {
  await using fixture = await temporaryStore()
  const image = await randomImage(fixture.subject)
  await fixture.subject.tag('docker.io/library/x:1', image)
  await using archive = await openArchive(fixture.subject.folder, { temporaryFolder: '/nowhere' })
  assert.deepEqual(await archive.images(), [{ name: 'docker.io/library/x:1', descriptor: image }])
})

test('openArchive() says what it was given when that is no archive', async () => {
  await using folder = await temporaryFolder()
  const open = async (source: Buffer) => await openArchive(streamOf(source), { temporaryFolder: folder.path })
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.alloc(1024),
    Buffer.from('hello '.repeat(200)),
    brotliCompressSync(Buffer.alloc(9999)),
  ])
    await assert.rejects(open(bytes), (error: Error & { kind?: string }) => error.kind === 'invalid_argument')
  await assert.rejects(openArchive(join(folder.path, 'nothing'), { temporaryFolder: folder.path }), { kind: 'not_found' })
  writeFileSync(join(folder.path, 'cut'), gzipSync(Buffer.alloc(100_000)).subarray(0, -20))
  await assert.rejects(openArchive(join(folder.path, 'cut'), { temporaryFolder: folder.path }), { kind: 'data_loss' })
  assert.deepEqual(readdirSync(folder.path), ['cut'])
})

test('openArchiveSink() makes an archive of what was copied into it, and leaves nothing', async () => {
  await using from = await temporaryStore()
  await using folder = await temporaryFolder()
  const index = await randomIndex(from.subject)
  const image = await randomImage(from.subject)
  {
    await using sink = await openArchiveSink({ temporaryFolder: folder.path })
    await copy(from.subject, sink, { from: index, to: 'docker.io/library/x:1' })
    await copy(from.subject, sink, { from: image, to: image.digest })
    const archive = await collect(await sink.archive(), limit)
    const direct = await save(from.subject, [
      { target: index, names: ['docker.io/library/x:1'] },
      { target: image, names: [] },
    ])
    assert.ok(archive.equals(direct))
  }
  assert.deepEqual(readdirSync(folder.path), [])
})
