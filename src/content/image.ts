import type { Abortable } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { chainIds } from '../oci/chain-id.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { configLimit, layerHistory, parseImageConfig, type ImageConfig } from '../oci/image-config.ts'
import type { Manifest } from '../oci/manifest.ts'
import { isConfigType } from '../oci/media-type.ts'
import type { ContentSource, Image, ImageLayer } from './interfaces.ts'
import { readBlob } from './read-blob.ts'
import { selectImage, type PlatformOptions } from './select.ts'

/**
 * Reads one image: manifest and config, not the layers' blobs. Of an index, the image for the platform. `unsupported` NOT_AN_IMAGE for
 * an artifact, `invalid_argument` LAYER_COUNT if config and manifest do not have the same number of layers.
 */
export const readImage = async (
  source: ContentSource,
  root: Descriptor,
  options: PlatformOptions & Abortable = {},
): Promise<Image> => {
  const { descriptor, manifest } = await selectImage(source, root, options)
  if (!isConfigType(manifest.config.mediaType))
    throw new GantryError(
      'unsupported',
      'NOT_AN_IMAGE',
      `Cannot use "${descriptor.digest}" as an image: its config has the media type "${manifest.config.mediaType}"`,
      { hint: 'it is an artifact: take its files with "gantry artifact pull", or look at it with "gantry manifest inspect"' },
    )
  const config = parseImageConfig(await readBlob(source, manifest.config, { ...options, limit: configLimit }))
  return { descriptor, manifest, config, layers: imageLayers(manifest, config) }
}

/** The layers of an image, base first, with the names that manifest and config give them. */
export const imageLayers = (manifest: Manifest, config: ImageConfig): readonly ImageLayer[] => {
  const diffIds = config.rootfs.diff_ids
  if (diffIds.length !== manifest.layers.length)
    throw new GantryError(
      'invalid_argument',
      'LAYER_COUNT',
      `Cannot use image "${manifest.config.digest}": its manifest has ${manifest.layers.length} layers, its config ${diffIds.length}`,
    )
  const chain = chainIds(diffIds)
  return layerHistory(config).map(({ diffId, entry }, index) => {
    const createdBy = entry?.created_by
    const layer = { blob: manifest.layers[index] as Descriptor, diffId, chainId: chain[index] ?? diffId }
    return createdBy === undefined ? layer : { ...layer, createdBy }
  })
}
