import { readImage } from '../../content/image.ts'
import type { DiskStore, Image } from '../../content/interfaces.ts'
import { readManifest } from '../../content/read-blob.ts'
import { imagesOf, indexDepthLimit, platformsOf } from '../../content/select.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { platformOf } from '../../oci/image-config.ts'
import { isIndexType } from '../../oci/media-type.ts'
import { displayPlatform } from '../../oci/platform.ts'

/** An image of an index, and what the store has of it. Attestations are none. */
export interface PlatformImage {
  readonly descriptor: Descriptor
  /** Absent where the index does not say it and the image is not here. */
  readonly platform?: Platform
  /** Absent if the image was never fetched. */
  readonly image?: Image
}

/** Every image that a local manifest or index stands for, in the order of the index, those of indexes within it too. */
export const platformImages = async (store: DiskStore, target: Descriptor, depth = 0): Promise<readonly PlatformImage[]> => {
  if (!isIndexType(target.mediaType)) return [await platformImage(store, target)]
  if (depth === indexDepthLimit || !(await store.has(target))) return []
  const read = await readManifest(store, target)
  if (read.kind !== 'index') return []
  const images: PlatformImage[] = []
  for (const entry of imagesOf(read.index)) images.push(...(await platformImages(store, entry, depth + 1)))
  return images
}

const platformImage = async (store: DiskStore, descriptor: Descriptor): Promise<PlatformImage> => {
  const { platform } = descriptor
  try {
    const image = await readImage(store, descriptor)
    return { descriptor, platform: platform ?? platformOf(image.config), image }
  } catch (error) {
    // not here, damaged, or an artifact
    if (!isGantryError(error)) throw error
    return { descriptor, ...(platform === undefined ? {} : { platform }) }
  }
}

/** The images of a target that are here, as a text for messages. */
export const platformsHere = async (store: DiskStore, target: Descriptor): Promise<string> => {
  const here = (await platformImages(store, target)).filter(({ image }) => image !== undefined)
  return platformsOf(here.map(({ descriptor, platform }) => (platform === undefined ? descriptor : { ...descriptor, platform })))
}

/** The image of a target for exactly this platform; `not_found` NO_PLATFORM, with the platforms that are here, if it is not. */
export const imageForPlatform = async (
  store: DiskStore,
  target: Descriptor,
  platform: Platform,
  text: string,
): Promise<Image> => {
  try {
    return await readImage(store, target, { platform })
  } catch (error) {
    if (!isGantryError(error, 'not_found')) throw error
    const here = await platformsHere(store, target)
    throw new GantryError(
      'not_found',
      'NO_PLATFORM',
      `image with reference ${text} was found but does not provide the specified platform (${displayPlatform(platform)})`,
      { cause: error, hint: here === '' ? 'nothing of it is here: pull it' : `here it has ${here}` },
    )
  }
}
