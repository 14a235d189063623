import type { ContentSource, Image, ImageLayer } from '../../content/interfaces.ts'
import type { LayerStore } from '../../layers/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { GantryError } from '../../lib/errors.ts'
import { layerCompression, type Compression } from '../../oci/media-type.ts'

/** How a layer's blob wraps its tar; `unsupported` for a media type that is no layer of an image. */
export const compressionOf = (layer: ImageLayer): Compression => {
  const compression = layerCompression(layer.blob.mediaType)
  if (compression !== undefined) return compression
  throw new GantryError(
    'unsupported',
    'LAYER_TYPE',
    `Cannot unpack layer ${layer.blob.digest}: media type "${layer.blob.mediaType}" is not known`,
    {
      hint: 'this may be an artifact and no image',
    },
  )
}

/** Puts into the layer store those layers of the image that it lacks, from blobs that are in the content store. */
export const unpackImage = async (
  layers: LayerStore,
  source: ContentSource,
  image: Image,
  options: Abortable = {},
): Promise<void> => {
  await mapConcurrent(image.layers, 2, async (layer) => {
    if (await layers.has(layer.diffId)) return
    const signal = options.signal === undefined ? {} : { signal: options.signal }
    const facts = { compression: compressionOf(layer), size: layer.blob.size }
    await layers.add(layer.diffId, await source.open(layer.blob, signal), { ...facts, ...signal })
  })
  await layers.prepare(image.layers.map((layer) => layer.diffId))
}
