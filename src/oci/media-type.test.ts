import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isConfigType, isIndexType, isManifestType, isNonDistributable, layerCompression, mediaTypes } from './media-type.ts'

const types = Object.values(mediaTypes)

test('isIndexType(), isManifestType() and isConfigType() know the OCI and the Docker type each', () => {
  assert.deepEqual(types.filter(isIndexType), [mediaTypes.ociIndex, mediaTypes.dockerList])
  assert.deepEqual(types.filter(isManifestType), [mediaTypes.ociManifest, mediaTypes.dockerManifest])
  assert.deepEqual(types.filter(isConfigType), [mediaTypes.ociConfig, mediaTypes.dockerConfig])
})

test('layerCompression() tells how a layer is compressed and undefined for anything else', () => {
  assert.equal(layerCompression(mediaTypes.ociLayer), 'none')
  assert.equal(layerCompression(mediaTypes.ociLayerGzip), 'gzip')
  assert.equal(layerCompression(mediaTypes.ociLayerZstd), 'zstd')
  assert.equal(layerCompression(mediaTypes.dockerLayer), 'none')
  assert.equal(layerCompression(mediaTypes.dockerLayerGzip), 'gzip')
  assert.equal(layerCompression(mediaTypes.ociConfig), undefined)
  for (const name of ['', 'constructor', 'toString', '__proto__']) assert.equal(layerCompression(name), undefined)
})

test('isNonDistributable() knows layers that stay where their urls point', () => {
  assert.equal(isNonDistributable(mediaTypes.dockerForeignLayerGzip), true)
  assert.equal(isNonDistributable('application/vnd.oci.image.layer.nondistributable.v1.tar+zstd'), true)
  assert.equal(isNonDistributable(mediaTypes.ociLayerGzip), false)
})
