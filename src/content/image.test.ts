import assert from 'node:assert/strict'
import { test } from 'node:test'
import { streamOf } from '../lib/bytes.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import { describe as describeBytes, emptyDescriptor, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { temporaryStore } from '../testing/content-store-folder.ts'
import { countingSource } from '../testing/counting-source.ts'
import { randomImage, randomIndex } from '../testing/random-image.ts'
import { copy } from './copy.ts'
import { readImage } from './image.ts'
import type { DiskStore } from './interfaces.ts'
import { createManifest } from './mutate.ts'
import { walk } from './walk.ts'

const amd64: Platform = { os: 'linux', architecture: 'amd64' }
const arm64: Platform = { os: 'linux', architecture: 'arm64' }

const writeJson = async (store: DiskStore, value: object, mediaType: string): Promise<Descriptor> => {
  const bytes = encodeJson(value)
  await store.write(describeBytes(bytes, mediaType), streamOf(bytes))
  return describeBytes(bytes, mediaType)
}
const writeIndex = async (store: DiskStore, manifests: readonly Descriptor[]): Promise<Descriptor> =>
  await writeJson(store, { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }, mediaTypes.ociIndex)

for (const options of [{}, { mediaTypes: 'docker', compression: 'none' }, { compression: 'zstd' }] as const)
  test(`readImage() gives manifest, config and layers of an image with ${JSON.stringify(options)}`, async () => {
    await using fixture = await temporaryStore()
    const root = await randomImage(fixture.subject, options)
    const image = await readImage(fixture.subject, root)
    assert.deepEqual(image.descriptor, root)
    assert.deepEqual(
      image.layers.map(({ blob }) => blob),
      image.manifest.layers,
    )
    assert.deepEqual(
      image.layers.map(({ diffId }) => diffId),
      image.config.rootfs.diff_ids,
    )
    assert.deepEqual(
      image.layers.map(({ createdBy }) => createdBy),
      ['layer 0', 'layer 1', 'layer 2'],
    )
    const [first, second] = image.layers
    assert.equal(first!.chainId, first!.diffId)
    assert.equal(second!.chainId, digestOf(`${first!.chainId} ${second!.diffId}`))
  })

test('readImage() chooses by platform, and by default the only image there is', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const index = await randomIndex(store, { attestation: true })
  assert.equal((await readImage(store, index, { platform: arm64 })).config.architecture, 'arm64')
  await assert.rejects(readImage(store, index), {
    code: 'PLATFORM_WANTED',
    hint: 'choose one of linux/amd64, linux/arm64/v8, linux/arm/v7',
  })
  const single = await randomIndex(store, { platforms: [arm64], attestation: true })
  assert.equal((await readImage(store, single)).config.architecture, 'arm64')
})

test('readImage() falls back to what the machine runs only when it is asked to', async () => {
  await using fixture = await temporaryStore()
  const index = await randomIndex(fixture.subject, { platforms: [{ os: 'linux', architecture: 'arm', variant: 'v6' }] })
  const platform = { os: 'linux', architecture: 'arm', variant: 'v7' }
  await assert.rejects(readImage(fixture.subject, index, { platform }), { code: 'NO_PLATFORM' })
  assert.equal((await readImage(fixture.subject, index, { platform, fallback: true })).config.variant, 'v6')
})

test('readImage() looks into the configs when an index names no platforms', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const images = []
  for (const platform of [amd64, arm64]) images.push(await randomImage(store, { platform }))
  const index = await writeIndex(store, images)
  assert.equal((await readImage(store, index, { platform: arm64 })).config.architecture, 'arm64')
  await assert.rejects(readImage(store, index, { platform: { os: 'linux', architecture: 's390x' } }), { code: 'NO_PLATFORM' })
  const nested = await writeIndex(store, [await randomIndex(store), index])
  assert.equal((await readImage(store, nested, { platform: arm64 })).config.architecture, 'arm64')
})

test('readImage() of a sparse index takes what is there as far as it may', async () => {
  await using from = await temporaryStore()
  await using fixture = await temporaryStore()
  const v3: Platform = { os: 'linux', architecture: 'amd64', variant: 'v3' }
  const index = await randomIndex(from.subject, { platforms: [v3, amd64, arm64] })
  await copy(from.subject, fixture.subject, { from: index, platform: arm64 })
  const architecture = async (platform: Platform, fallback: boolean | 'any'): Promise<string> =>
    (await readImage(fixture.subject, index, { platform, fallback })).config.architecture
  assert.equal(await architecture(v3, 'any'), 'arm64')
  for (const fallback of [false, true]) await assert.rejects(architecture(v3, fallback), { code: 'BLOB_UNKNOWN' })
  await assert.rejects(architecture({ os: 'linux', architecture: 's390x' }, true), { code: 'NO_PLATFORM' })
  await copy(from.subject, fixture.subject, { from: index, platform: amd64 })
  assert.equal(await architecture(v3, true), 'amd64')
  await assert.rejects(architecture(v3, false), { code: 'BLOB_UNKNOWN' })
})

test('readImage() takes what an index says of a platform, whatever the config says', async () => {
  await using fixture = await temporaryStore()
  const lying = await writeIndex(fixture.subject, [{ ...(await randomImage(fixture.subject)), platform: arm64 }])
  assert.equal((await readImage(fixture.subject, lying, { platform: arm64 })).config.architecture, 'amd64')
})

test('readImage() refuses an image whose layers do not fit its config', async () => {
  await using fixture = await temporaryStore()
  const { manifest } = await readImage(fixture.subject, await randomImage(fixture.subject))
  const broken = await createManifest(fixture.subject, { config: manifest.config, layers: manifest.layers.slice(1) })
  await assert.rejects(readImage(fixture.subject, broken), { code: 'LAYER_COUNT', message: /2 layers, its config 3/ })
})

test('readImage() refuses an artifact', async () => {
  await using fixture = await temporaryStore()
  const artifact = await createManifest(fixture.subject, { config: emptyDescriptor, layers: [] })
  await assert.rejects(readImage(fixture.subject, artifact), { kind: 'unsupported', code: 'NOT_AN_IMAGE' })
})

test('readImage() takes small content out of the descriptor when it is there', async () => {
  await using fixture = await temporaryStore()
  const root = await randomImage(fixture.subject)
  const data = fixture.subject.read(root).toString('base64')
  const counting = countingSource(fixture.subject)
  await readImage(counting, { ...root, data })
  assert.equal(counting.opened.has(root.digest), false)
  await assert.rejects(readImage(counting, { ...root, data: 'AAAA' }), { kind: 'data_loss' })
})

test('walk() reaches everything once, parents first', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const index = await randomIndex(store, { attestation: true, layers: 2 })
  const again = await writeIndex(store, [index, index])
  const reached = await Array.fromAsync(walk(store, [index, again]))
  const digests = reached.map(({ descriptor }) => descriptor.digest)
  assert.equal(new Set(digests).size, digests.length)
  assert.equal(digests[0], index.digest)
  const count = (kind: string): number => reached.filter((one) => one.kind === kind).length
  assert.deepEqual([count('index'), count('manifest'), count('blob'), count('missing')], [2, 4, 3 * 3 + 2, 0])
  for await (const { digest } of store.list()) assert.ok(digests.includes(digest))
})

test('walk() says what is missing and goes on', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const index = await randomIndex(store)
  const children = (await Array.fromAsync(walk(store, [index]))).filter(({ kind }) => kind === 'manifest')
  await store.delete(children[1]!.descriptor.digest)
  const reached = await Array.fromAsync(walk(store, [index]))
  assert.deepEqual(
    reached.filter(({ kind }) => kind === 'missing').map(({ descriptor }) => descriptor.digest),
    [children[1]!.descriptor.digest],
  )
  assert.equal(reached.filter(({ kind }) => kind === 'manifest').length, 2)
})
