import type { LayerStore } from '../../layers/interfaces.ts'
import { creationTime } from '../../oci/creation-time.ts'
import type { Engine } from '../engine.ts'
import { localImages, type LocalImage } from './lookup.ts'

/** One image as `images` shows it; a row a name. */
export interface ListedImage extends LocalImage {
  /** Bytes of the files in its layers; for layers that are not unpacked, of their blobs. */
  readonly size: number
}

/** All images, newest first; images without a time of creation last. */
export const listImages = async (engine: Engine): Promise<readonly ListedImage[]> => {
  const images = await localImages(engine)
  if (images.length === 0) return []
  const layers = await engine.layers()
  const sized = await Promise.all(images.map(async (image) => ({ ...image, size: await imageSize(layers, image) })))
  return sized.toSorted((a, b) => createdOf(b) - createdOf(a) || 0)
}

const createdOf = (image: LocalImage): number => creationTime(image.image.config.created) ?? -Infinity

/** Bytes of an image's files, layer by layer. */
export const imageSize = async (layers: LayerStore, { image }: LocalImage): Promise<number> => {
  let size = 0
  for (const layer of image.layers)
    size += (await layers.has(layer.diffId)) ? (await layers.info(layer.diffId)).contentSize : layer.blob.size
  return size
}
