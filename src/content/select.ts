import type { Abortable } from '../lib/bytes.ts'
import { GantryError, isGantryError } from '../lib/errors.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import { configLimit, parseImageConfig, platformOf } from '../oci/image-config.ts'
import { isAttestation, type Index, type Manifest } from '../oci/manifest.ts'
import { isConfigType } from '../oci/media-type.ts'
import { rankPlatforms, servesPlatform } from '../oci/platform-match.ts'
import { displayPlatform } from '../oci/platform.ts'
import type { ContentSource } from './interfaces.ts'
import { readBlob, readManifest } from './read-blob.ts'

export interface PlatformOptions {
  /** Which image of an index; without it an index must have one image only. */
  readonly platform?: Platform
  /**
   * Without it only the platform itself will do. With it, the best image that is there and that a machine of the platform runs, and a
   * lone image whatever it is for. `any`: if none of an index serves, the first that is there, for local indexes that are sparse.
   */
  readonly fallback?: boolean | 'any'
}

/** A manifest or index as it was read: `bytes` are what is kept and copied. */
interface Read {
  readonly descriptor: Descriptor
  readonly bytes: Buffer
}
type SelectedIndex = Read & { readonly index: Index }
type SelectedManifest = Read & { readonly manifest: Manifest }

/** The image that serves a platform, and the indexes that led to it, outermost first. */
export interface Selection extends SelectedManifest {
  readonly indexes: readonly SelectedIndex[]
}

/** Indexes in indexes, the outermost counted. */
export const indexDepthLimit = 4

/** Entries of an index that are looked at before giving up. */
const probeLimit = 64

export const tooDeep = (what: string): GantryError =>
  new GantryError(
    'resource_exhausted',
    'INDEX_TOO_DEEP',
    `Cannot read "${what}": indexes are nested more than ${indexDepthLimit} deep`,
  )

/**
 * Finds the one image of a root: the root itself, or the best entry of an index for the platform. `not_found` NO_PLATFORM if none
 * serves it, with those there are as the hint.
 */
export const selectImage = async (
  source: ContentSource,
  root: Descriptor,
  options: PlatformOptions & Abortable = {},
): Promise<Selection> => {
  const found = await select(source, root, [], options)
  if (found.indexes.length === 0 && isStrict(options)) await checkPlatform(source, found, options)
  return found
}

const select = async (
  source: ContentSource,
  descriptor: Descriptor,
  above: readonly SelectedIndex[],
  options: PlatformOptions & Abortable,
): Promise<Selection> => {
  const read = await readManifest(source, descriptor, options)
  const { bytes } = read
  if (read.kind === 'manifest') return { descriptor, bytes, manifest: read.manifest, indexes: above }
  if (above.length === indexDepthLimit) throw tooDeep(above[0]?.descriptor.digest ?? descriptor.digest)
  const { index } = read
  const indexes = [...above, { descriptor, bytes, index }]
  let missing: unknown
  for (const candidate of candidatesOf(index, descriptor, options).slice(0, probeLimit)) {
    try {
      const found = await select(source, candidate, indexes, options)
      // what an index says counts more than the config, but where it says nothing the config does
      if (candidate.platform === undefined && found.indexes.length === indexes.length) await checkPlatform(source, found, options)
      return found
    } catch (error) {
      if (!isGantryError(error, 'not_found')) throw error
      if (error.code !== 'NO_PLATFORM') missing ??= error
    }
  }
  throw missing ?? noPlatform(descriptor, index, options.platform)
}

/** Whether an image that was found at a root is what will be found there whatever else the source gets: nothing ranks before it. */
export const isBestImage = async (
  source: ContentSource,
  root: Descriptor,
  { descriptor }: { readonly descriptor: Descriptor },
  options: PlatformOptions & Abortable = {},
): Promise<boolean> => {
  if (descriptor.digest === root.digest) return true
  const read = await readManifest(source, root, options)
  return read.kind === 'index' && candidatesOf(read.index, root, options)[0]?.digest === descriptor.digest
}

const isStrict = ({ fallback = false }: PlatformOptions): boolean => fallback === false

const candidatesOf = (index: Index, descriptor: Descriptor, options: PlatformOptions): readonly Descriptor[] => {
  const { platform, fallback } = options
  const images = imagesOf(index)
  if (platform !== undefined) {
    const ranked = rankPlatforms(platform, images, { strict: isStrict(options) })
    return fallback === 'any' ? [...new Set([...ranked, ...images])] : ranked
  }
  if (images.length === 1) return images
  throw new GantryError(
    'invalid_argument',
    'PLATFORM_WANTED',
    `Cannot choose an image of "${descriptor.digest}": it has ${images.length}`,
    {
      hint: images.length === 0 ? 'it is no image' : `choose one of ${platformsOf(images)}`,
    },
  )
}

/** The entries of an index that are images or indexes, without attestations. */
export const imagesOf = ({ manifests }: Index): readonly Descriptor[] => manifests.filter((entry) => !isAttestation(entry))

/** The platforms of descriptors as one text for a message. */
export const platformsOf = (descriptors: readonly Descriptor[]): string => {
  const shown = descriptors.slice(0, 20).map(({ platform }) => (platform === undefined ? 'unknown' : displayPlatform(platform)))
  return [...shown, ...(descriptors.length > shown.length ? ['…'] : [])].join(', ')
}

const noPlatform = ({ digest }: Descriptor, index: Index, platform: Platform | undefined): GantryError => {
  const wanted = platform === undefined ? 'any platform' : displayPlatform(platform)
  const images = imagesOf(index)
  return new GantryError(
    'not_found',
    'NO_PLATFORM',
    `Cannot use "${digest}": no matching manifest for ${wanted} in the manifest list entries`,
    {
      detail: { wanted, platforms: images.map((image) => image.platform) },
      hint: images.length === 0 ? 'it has no images' : `it has ${platformsOf(images)}: choose one with --platform`,
    },
  )
}

/** Refuses an image whose config says it is for another platform than the wanted one. Artifacts are for any. */
const checkPlatform = async (
  source: ContentSource,
  { descriptor, manifest }: SelectedManifest,
  options: PlatformOptions & Abortable,
): Promise<void> => {
  const { platform, fallback } = options
  if (platform === undefined || fallback === 'any' || !isConfigType(manifest.config.mediaType)) return
  const own = platformOf(parseImageConfig(await readBlob(source, manifest.config, { ...options, limit: configLimit })))
  if (servesPlatform(platform, own, { strict: isStrict(options) })) return
  throw new GantryError(
    'not_found',
    'NO_PLATFORM',
    `Cannot use "${descriptor.digest}": it does not provide the specified platform (${displayPlatform(platform)})`,
    { hint: `it is for ${displayPlatform(own)}` },
  )
}
