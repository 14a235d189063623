import type { ImageLayer } from '../../content/interfaces.ts'
import type { LayerStore } from '../../layers/interfaces.ts'
import { creationTime } from '../../oci/creation-time.ts'
import type { DiffId } from '../../oci/digest.ts'
import type { Engine } from '../engine.ts'
import { openKnownImages, type KnownImages } from './known-images.ts'
import { localImages, type LocalImage } from './lookup.ts'

/** One image as `images` shows it; a row a name. */
export interface ListedImage extends LocalImage {
  /** Bytes of the files in its layers; for layers that are not unpacked, of their blobs. */
  readonly size: number
}

/** All images, newest first; images without a time of creation last. */
export const listImages = async (engine: Engine): Promise<readonly ListedImage[]> => {
  const known = openKnownImages(engine)
  const images = await localImages(engine, known)
  if (images.length === 0) return []
  const layers = await engine.layers()
  const sizes = new Map<DiffId, number | undefined>()
  for (const { image } of images)
    for (const { diffId } of image.layers) if (!sizes.has(diffId)) sizes.set(diffId, await contentSize(layers, diffId, known))
  await known.save()
  const sizeOf = ({ diffId, blob }: ImageLayer): number => sizes.get(diffId) ?? blob.size
  const sized = images.map((image) => ({ ...image, size: image.image.layers.reduce((sum, layer) => sum + sizeOf(layer), 0) }))
  return sized.toSorted((a, b) => createdOf(b) - createdOf(a) || 0)
}

const createdOf = (image: LocalImage): number => creationTime(image.image.config.created) ?? -Infinity

/** Bytes of the files in a layer; undefined if it is not unpacked. */
const contentSize = async (layers: LayerStore, id: DiffId, { layerSizes }: KnownImages): Promise<number | undefined> => {
  if (!(await layers.has(id))) return undefined
  const size = layerSizes.get(id) ?? (await layers.info(id)).contentSize
  layerSizes.set(id, size)
  return size
}

/** Bytes of an image's files, layer by layer. */
export const imageSize = async (layers: LayerStore, { image }: LocalImage): Promise<number> => {
  let size = 0
  for (const layer of image.layers)
    size += (await layers.has(layer.diffId)) ? (await layers.info(layer.diffId)).contentSize : layer.blob.size
  return size
}
