import assert from 'node:assert/strict'
import { test } from 'node:test'
import { streamOf } from '../lib/bytes.ts'
import { digestOf, type Digest } from '../oci/digest.ts'
import { describe, encodeJson, parseManifestOrIndex } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { startTestRegistry } from '../testing/registry-server.ts'
import { checkReferences } from './check-references.ts'
import type { RegistryRepository } from './interfaces.ts'

const upload = async (repository: RegistryRepository, text: string): Promise<void> => {
  const begun = await repository.beginUpload()
  await begun.append(streamOf(Buffer.from(text)))
  await begun.commit(digestOf(text))
}

const layer = (text: string, mediaType: string = mediaTypes.ociLayer) => ({
  mediaType,
  digest: digestOf(text),
  size: text.length,
})

const index = (...manifests: readonly object[]) =>
  parseManifestOrIndex(encodeJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }))

const manifest = (...layers: readonly object[]) =>
  parseManifestOrIndex(
    encodeJson({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: layer('config', mediaTypes.ociConfig), layers }),
  )

test('checkReferences() names what a manifest refers to and the repository does not have', async () => {
  await using registry = await startTestRegistry()
  const repository = registry.storage.repository('app')
  await upload(repository, 'here')
  const check = (parsed: ReturnType<typeof manifest>, sparseIndexes = false) =>
    checkReferences(repository, parsed, { sparseIndexes })
  const missing = (...digests: readonly Digest[]) => ({
    kind: 'invalid_argument',
    code: 'MANIFEST_BLOB_UNKNOWN',
    detail: { digests },
  })
  await assert.rejects(
    check(manifest(layer('here'), layer('gone'), layer('gone'))),
    missing(digestOf('config'), digestOf('gone')),
  )
  await upload(repository, 'config')
  await check(manifest(layer('here'), layer('here')))
  // what lives elsewhere need not be here
  await check(manifest(layer('elsewhere', mediaTypes.dockerForeignLayerGzip)))
  // blobs are of no use in an other repository
  await assert.rejects(
    checkReferences(registry.storage.repository('other'), manifest(), { sparseIndexes: false }),
    missing(digestOf('config')),
  )
})

test('checkReferences() wants the manifests of an index, unless it may be sparse', async () => {
  await using registry = await startTestRegistry()
  const repository = registry.storage.repository('app')
  const bytes = encodeJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] })
  const child = describe(bytes, mediaTypes.ociIndex)
  await assert.rejects(checkReferences(repository, index(child), { sparseIndexes: false }), { code: 'MANIFEST_BLOB_UNKNOWN' })
  await checkReferences(repository, index(child), { sparseIndexes: true })
  await repository.putManifest(bytes, child, [])
  await checkReferences(repository, index(child), { sparseIndexes: false })
  // the layers and the config of a build cache stand in an index as blobs
  await upload(repository, 'cache')
  await checkReferences(repository, index(child, layer('cache', 'application/vnd.buildkit.cacheconfig.v0')), {
    sparseIndexes: false,
  })
})
