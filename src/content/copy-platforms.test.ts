import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import { isAttestation, parseIndex } from '../oci/manifest.ts'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { randomImage, randomIndex } from '../testing/random-image.ts'
import { choosePlatforms, copyPlatforms } from './copy-platforms.ts'
import { openLayout } from './layout.ts'

const platform = (architecture: string, variant?: string): Platform => ({
  os: 'linux',
  architecture,
  ...(variant === undefined ? {} : { variant }),
})

test('choosePlatforms() takes one image, an index of several, or keeps the index', async () => {
  await using folder = await temporaryFolder()
  const layout = await openLayout(join(folder.path, 'from'), { create: true })
  const root = await randomIndex(layout, { attestation: true })
  const { manifests } = parseIndex(layout.read(root))
  const [amd64, arm64, arm, attestation] = manifests as readonly [Descriptor, Descriptor, Descriptor, Descriptor]
  assert.ok(isAttestation(attestation))

  assert.deepEqual(await choosePlatforms(layout, root, {}), { target: root, members: [root] })
  assert.deepEqual(await choosePlatforms(layout, root, { platforms: [platform('arm64')] }), { target: arm64, members: [arm64] })
  const all = [platform('amd64'), platform('arm64'), platform('arm', 'v7')]
  assert.deepEqual(await choosePlatforms(layout, root, { platforms: all }), { target: root, members: [root] })

  const some = await choosePlatforms(layout, root, { platforms: [platform('arm', 'v7'), platform('amd64')] })
  assert.ok(some.bytes)
  assert.deepEqual(
    parseIndex(some.bytes).manifests,
    [amd64, arm, attestation],
    'in the order of the index, attestations with their images',
  )
  const without = await choosePlatforms(layout, root, { platforms: [platform('arm', 'v7'), platform('arm64')] })
  assert.deepEqual(parseIndex(without.bytes ?? Buffer.alloc(0)).manifests, [arm64, arm])

  const sink = await openLayout(join(folder.path, 'to'), { create: true })
  assert.deepEqual(await copyPlatforms(layout, sink, { choice: some, to: 'some' }), some.target)
  assert.equal((await sink.resolve('some')).digest, some.target.digest)
  assert.equal(await sink.has(arm64), false)

  const sparse = await choosePlatforms(layout, root, { platforms: [platform('arm64')], sparse: true })
  assert.deepEqual(await copyPlatforms(layout, sink, { choice: sparse, to: 'sparse' }), root)
  assert.deepEqual(sink.read(root), layout.read(root))
  await assert.rejects(choosePlatforms(layout, root, { platforms: [platform('s390x')] }), { code: 'NO_PLATFORM' })
})

test('choosePlatforms() takes a lone image for its own platform only', async () => {
  await using folder = await temporaryFolder()
  const layout = await openLayout(join(folder.path, 'from'), { create: true })
  const image = await randomImage(layout)
  assert.deepEqual((await choosePlatforms(layout, image, { platforms: [platform('amd64')] })).target, image)
  await assert.rejects(choosePlatforms(layout, image, { platforms: [platform('arm64')] }), { code: 'NO_PLATFORM' })
})
