import { readImage } from '../../content/image.ts'
import type { DiskStore, Image, NamedDescriptor } from '../../content/interfaces.ts'
import { isBestImage } from '../../content/select.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import { isIndexType } from '../../oci/media-type.ts'
import {
  familiarString,
  formatReference,
  parseReference,
  withDefaultTag,
  withDigest,
  type Reference,
} from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { openKnownImages, type KnownImages } from './known-images.ts'

/** An image in the local store: what names it, and its config for this machine's platform. */
export interface LocalImage {
  /** Manifest or index that the name points at. */
  readonly target: Descriptor
  /** Full references, sorted; empty for a dangling image. */
  readonly names: readonly string[]
  /** The image ID: the digest of the config, which is the same before and after compression, push and pull. */
  readonly id: Digest
  readonly image: Image
}

/** Every image of the store once, by target digest. An image whose manifest for this platform is missing or broken is left out. */
export const localImages = async (engine: Engine, known = openKnownImages(engine)): Promise<readonly LocalImage[]> => {
  const store = await engine.content()
  const byTarget = new Map<Digest, { target: Descriptor; names: string[] }>()
  for (const named of await store.names()) {
    const entry = byTarget.get(named.descriptor.digest)
    if (entry === undefined) byTarget.set(named.descriptor.digest, { target: named.descriptor, names: namesOf(named) })
    else entry.names.push(...namesOf(named))
  }
  for (const digest of known.images.keys()) if (!byTarget.has(digest)) known.images.delete(digest)
  const images: LocalImage[] = []
  for (const { target, names } of byTarget.values()) {
    const image = (await knownImage(store, known, target)) ?? (await readLocal(engine, known, target))
    if (image !== undefined) images.push({ target, names: names.toSorted(), id: image.manifest.config.digest, image })
  }
  await known.save()
  return images
}

const namesOf = (named: NamedDescriptor): string[] => (named.name === undefined ? [] : [named.name])

/** An image that was verified before, if its blobs are still there. */
const knownImage = async (store: DiskStore, { images }: KnownImages, target: Descriptor): Promise<Image | undefined> => {
  const image = images.get(target.digest)
  if (image === undefined) return undefined
  const { descriptor, manifest } = image
  const blobs = descriptor.digest === target.digest ? [target, manifest.config] : [target, descriptor, manifest.config]
  for (const blob of blobs)
    if (!(await store.has(blob))) {
      images.delete(target.digest)
      return undefined
    }
  return image
}

/** Absent, damaged, nonsense, or an artifact. */
const notShown = new Set(['not_found', 'data_loss', 'invalid_argument', 'unsupported'])

const readLocal = async (engine: Engine, known: KnownImages, target: Descriptor): Promise<Image | undefined> => {
  const store = await engine.content()
  const options = { platform: engine.options.platform, fallback: 'any' } as const
  try {
    const image = await readImage(store, target, options)
    // of an index, a better image may come later
    if (await isBestImage(store, target, image, options)) known.images.set(target.digest, image)
    return image
  } catch (error) {
    if (isGantryError(error) && notShown.has(error.kind)) return undefined
    throw error
  }
}

/** What a user typed for an image, found. `name` is the full reference if it was found by name. */
export interface FoundImage extends LocalImage {
  readonly name?: string
}

const notFound = (text: string): GantryError =>
  new GantryError('not_found', 'NO_SUCH_IMAGE', `No such image: ${text}`, {
    hint: "run 'gantry images' for the images there are",
  })

/**
 * Finds an image by what a user typed; with a platform, exactly that one of a multi-platform image, else the best for this machine.
 * Under a lease it stays, whoever takes its name away.
 */
export const findImage = async (
  engine: Engine,
  text: string,
  { platform }: { readonly platform?: Platform } = {},
): Promise<FoundImage> => {
  const found = await find(engine, text)
  if (!(await (await engine.content()).has(found.target))) throw notFound(text)
  if (platform === undefined) return found
  const { imageForPlatform } = await import('./platforms.ts')
  const image = await imageForPlatform(await engine.content(), found.target, platform, text)
  return { ...found, image, id: image.manifest.config.digest }
}

/**
 * Finds an image as docker does: a digest by target (with a name, the repository must match too), else the exact name with tag,
 * else a prefix of an ID; a name that looks like an ID wins; several IDs are an error (moby daemon/containerd resolveImage).
 */
const find = async (engine: Engine, text: string): Promise<FoundImage> => {
  const images = await localImages(engine)
  if (isDigest(text)) {
    const found = images.find(
      (image) => image.id === text || image.target.digest === text || image.image.descriptor.digest === text,
    )
    const platform = found ?? (await findPlatform(engine, images, (digest) => digest === text))
    if (platform === undefined) throw notFound(text)
    return platform
  }
  const reference = parseOrUndefined(text)
  if (reference?.digest !== undefined) {
    const { digest } = reference
    const found = images.find(
      (image) => image.target.digest === digest && image.names.some((name) => sameRepository(name, reference)),
    )
    if (found === undefined) throw notFound(text)
    const name = formatReference(withDigest(reference, digest))
    return found.names.includes(name) ? { ...found, name } : found
  }
  if (reference !== undefined) {
    const name = formatReference(withDefaultTag(reference))
    const found = images.find((image) => image.names.includes(name))
    if (found !== undefined) return { ...found, name }
  }
  const prefix = text.startsWith('sha256:') ? text.slice(7) : text
  if (!/^[0-9a-f]+$/.test(prefix)) throw notFound(reference === undefined ? text : familiarString(withDefaultTag(reference)))
  const matchesPrefix = (digest: Digest): boolean => digest.slice(7).startsWith(prefix)
  const matches = images.filter((image) => matchesPrefix(image.id) || matchesPrefix(image.target.digest))
  const match = matches[0] ?? (await findPlatform(engine, images, matchesPrefix))
  if (match === undefined) throw notFound(reference === undefined ? text : familiarString(withDefaultTag(reference)))
  if (new Set(matches.map((image) => image.id)).size > 1)
    throw new GantryError('invalid_argument', 'AMBIGUOUS', `Cannot choose an image: ambiguous reference "${text}"`, {
      hint: 'give more digits of the ID',
    })
  return match
}

/** The first image within an index, for whatever platform, whose manifest or config has the digest. */
const findPlatform = async (
  engine: Engine,
  images: readonly LocalImage[],
  isWanted: (digest: Digest) => boolean,
): Promise<FoundImage | undefined> => {
  const indexes = images.filter(({ target }) => isIndexType(target.mediaType))
  if (indexes.length === 0) return undefined
  const [store, { platformImages }] = await Promise.all([engine.content(), import('./platforms.ts')])
  for (const index of indexes)
    for (const { image } of await platformImages(store, index.target)) {
      const id = image?.manifest.config.digest
      if (image !== undefined && id !== undefined && (isWanted(id) || isWanted(image.descriptor.digest)))
        return { ...index, image, id }
    }
  return undefined
}

const parseOrUndefined = (text: string): Reference | undefined => {
  try {
    return parseReference(text)
  } catch (error) {
    // 64 hex digits are an ID, not a name
    if (isGantryError(error) && /^[0-9a-f]{64}$/.test(text)) return undefined
    throw error
  }
}

const sameRepository = (name: string, reference: Reference): boolean => {
  const other = parseReference(name)
  return other.domain === reference.domain && other.path === reference.path
}
