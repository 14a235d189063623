import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { streamOf } from '../lib/bytes.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { describe, emptyDescriptor, encodeJson, parseIndex } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { randomIndex } from '../testing/random-image.ts'
import { archiveReferrers } from './archive-referrers.ts'
import { choosePlatforms, copyPlatforms } from './copy-platforms.ts'
import { copyReferrers, cosignTags } from './copy-referrers.ts'
import { openLayout, type Layout } from './layout.ts'

const refer = async (layout: Layout, { mediaType, digest, size }: Descriptor, artifactType: string): Promise<Descriptor> => {
  const subject = { mediaType, digest, size }
  const empty = [emptyDescriptor]
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: emptyDescriptor,
    layers: empty,
    subject,
  })
  const descriptor = { ...describe(bytes, mediaTypes.ociManifest), artifactType }
  await layout.write(emptyDescriptor, streamOf(encodeJson({})))
  await layout.write(descriptor, streamOf(bytes))
  await layout.tag(descriptor.digest, descriptor)
  return descriptor
}

test('copyReferrers() takes those of what was chosen, at any depth, and ends where they lead in a circle', async () => {
  await using folder = await temporaryFolder()
  const layout = await openLayout(join(folder.path, 'from'), { create: true })
  const root = await randomIndex(layout)
  const [amd64, arm64] = parseIndex(layout.read(root)).manifests as readonly [Descriptor, Descriptor]
  const ofRoot = await refer(layout, root, 'a/root')
  const ofAmd64 = await refer(layout, amd64, 'a/amd64')
  const ofArm64 = await refer(layout, arm64, 'a/arm64')
  const deep = await refer(layout, ofAmd64, 'a/deep')
  // a registry could answer that they refer to each other
  const referrers = async (digest: Descriptor['digest']): Promise<readonly Descriptor[]> =>
    digest === deep.digest ? [ofAmd64] : await archiveReferrers(layout, digest)
  const copied = async (platforms: readonly Descriptor[]): Promise<readonly string[]> => {
    const sink = await openLayout(join(folder.path, `to-${platforms.length}`), { create: true })
    const choice = await choosePlatforms(layout, root, { platforms: platforms.flatMap(({ platform }) => platform ?? []) })
    await copyPlatforms(layout, sink, { choice, to: 'x' })
    await copyReferrers(layout, sink, choice, { referrers })
    const found = (await sink.images()).map(({ descriptor }) => descriptor.artifactType).filter((type) => type !== undefined)
    assert.deepEqual(
      (await archiveReferrers(sink, amd64.digest)).map(({ digest }) => digest),
      [ofAmd64.digest],
    )
    return found.toSorted()
  }
  assert.deepEqual(
    await copied([]),
    [ofAmd64, ofArm64, deep, ofRoot].map(({ artifactType }) => artifactType),
  )
  assert.deepEqual(await copied([amd64]), ['a/amd64', 'a/deep'], 'those of an index that was not copied are not')
})

test("copyReferrers() takes what cosign's tags name, and what refers to that", async () => {
  await using folder = await temporaryFolder()
  const layout = await openLayout(join(folder.path, 'from'), { create: true })
  const root = await randomIndex(layout)
  const tags = cosignTags(root.digest)
  const name = root.digest.replace(':', '-')
  assert.deepEqual(tags, [`${name}.sig`, `${name}.att`, `${name}.sbom`])
  // a manifest of cosign has no subject
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: emptyDescriptor,
    layers: [emptyDescriptor],
  })
  const signature = describe(bytes, mediaTypes.ociManifest)
  await layout.write(emptyDescriptor, streamOf(encodeJson({})))
  await layout.write(signature, streamOf(bytes))
  for (const tag of tags) await layout.tag(tag, signature)
  const ofSignature = await refer(layout, signature, 'a/deep')
  const sink = await openLayout(join(folder.path, 'to'), { create: true })
  const choice = await choosePlatforms(layout, root, {})
  await copyPlatforms(layout, sink, { choice, to: 'x' })
  const copied = await copyReferrers(layout, sink, choice, {
    referrers: async (digest) => await archiveReferrers(layout, digest),
    // oxlint-disable-next-line require-await
    legacyTags: async (digest) => (digest === root.digest ? tags : []),
  })
  assert.deepEqual(
    copied.map(({ digest }) => digest),
    [signature.digest, ofSignature.digest, signature.digest, signature.digest],
  )
  for (const tag of tags) assert.equal((await sink.resolve(tag)).digest, signature.digest)
})
