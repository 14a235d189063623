import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { temporaryStore } from '../testing/content-store-folder.ts'
import { readImage } from './image.ts'
import { createImage, encodeManifest, type NewLayer } from './mutate.ts'

const layer = (text: string, mediaType: string = mediaTypes.ociLayerGzip): NewLayer => ({
  descriptor: { mediaType, digest: digestOf(text), size: text.length },
  diffId: digestOf(`diff ${text}`),
  history: { created_by: text },
})
const config: ImageConfig = {
  architecture: 'amd64',
  os: 'linux',
  config: { Labels: { z: '1', a: '2' }, Env: ['B=1', 'A=2'] },
  rootfs: { type: 'layers', diff_ids: [] },
}

test('createImage() gives the same bytes whatever the order of the fields', async () => {
  await using fixture = await temporaryStore()
  const layers = [layer('a'), layer('b')]
  const one = await createImage(fixture.subject, { config, layers })
  const other: ImageConfig = {
    rootfs: config.rootfs,
    config: { Env: ['B=1', 'A=2'], Labels: { a: '2', z: '1' } },
    os: 'linux',
    architecture: 'amd64',
  }
  assert.deepEqual(await createImage(fixture.subject, { layers, config: other }), one)
  const { manifest } = await readImage(fixture.subject, one)
  assert.equal(
    fixture.subject.read(manifest.config).toString(),
    `{"architecture":"amd64","os":"linux","config":{"Env":["B=1","A=2"],"Labels":{"a":"2","z":"1"}},` +
      `"rootfs":{"diff_ids":["${layers[0]!.diffId}","${layers[1]!.diffId}"],"type":"layers"},` +
      `"history":[{"created_by":"a"},{"created_by":"b"}]}`,
  )
})

test('createImage() keeps fields that it does not know', async () => {
  await using fixture = await temporaryStore()
  const image = await createImage(fixture.subject, { config: { ...config, 'x.y': { b: 1, a: [2] } } as ImageConfig, layers: [] })
  const read = await readImage(fixture.subject, image)
  assert.deepEqual((read.config as unknown as Record<string, unknown>)['x.y'], { a: [2], b: 1 })
})

test('createImage() keeps the history and adds what is missing for the layers', async () => {
  await using fixture = await temporaryStore()
  const history = [{ created_by: 'base' }, { created_by: 'ENV', empty_layer: true }]
  const image = await createImage(fixture.subject, { config: { ...config, history }, layers: [layer('base'), layer('top')] })
  const read = await readImage(fixture.subject, image)
  assert.deepEqual(read.config.history, [...history, { created_by: 'top' }])
  assert.deepEqual(
    read.layers.map(({ createdBy }) => createdBy),
    ['base', 'top'],
  )
  await assert.rejects(createImage(fixture.subject, { config: { ...config, history }, layers: [] }), { code: 'HISTORY_COUNT' })
})

test('createImage() writes one family of media types only', async () => {
  await using fixture = await temporaryStore()
  const mixed = [layer('a', mediaTypes.dockerLayerGzip), layer('b', mediaTypes.ociLayer), layer('c', mediaTypes.dockerLayer)]
  const types = async (family: 'oci' | 'docker'): Promise<readonly string[]> => {
    const { manifest } = await readImage(
      fixture.subject,
      await createImage(fixture.subject, { config, layers: mixed, mediaTypes: family }),
    )
    return [manifest.mediaType ?? '', manifest.config.mediaType, ...manifest.layers.map(({ mediaType }) => mediaType)]
  }
  const { ociManifest, ociConfig, ociLayerGzip, ociLayer, dockerManifest, dockerConfig, dockerLayerGzip, dockerLayer } =
    mediaTypes
  assert.deepEqual(await types('oci'), [ociManifest, ociConfig, ociLayerGzip, ociLayer, ociLayer])
  assert.deepEqual(await types('docker'), [dockerManifest, dockerConfig, dockerLayerGzip, dockerLayer, dockerLayer])
})

test('encodeManifest() refuses what Docker manifests cannot say', () => {
  const empty = { config: layer('c', mediaTypes.ociConfig).descriptor, layers: [] as Descriptor[], mediaTypes: 'docker' } as const
  assert.throws(() => encodeManifest({ ...empty, annotations: { a: 'b' } }), { kind: 'unsupported' })
  assert.throws(() => encodeManifest({ ...empty, layers: [layer('z', mediaTypes.ociLayerZstd).descriptor] }), {
    code: 'NO_DOCKER_ZSTD',
  })
})
