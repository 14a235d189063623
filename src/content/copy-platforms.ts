import { streamOf, type Abortable } from '../lib/bytes.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { describe, encodeJson, isAttestation, type Index } from '../oci/manifest.ts'
import { copy, type CopyOptions } from './copy.ts'
import type { ContentSource, ImageSink, ImageSource } from './interfaces.ts'
import { readManifest } from './read-blob.ts'
import { imagesOf, selectImage } from './select.ts'

/** Which images of a root are wanted, and what the copy will be called by. */
export interface PlatformChoice {
  /** What the names point at: the root, one image of it, or an index of some of its images. */
  readonly target: Descriptor
  /** The target's bytes where it is an index that holds less than the root, or that will be sparse. */
  readonly bytes?: Buffer
  /** What is copied whole before the target is there. */
  readonly members: readonly Descriptor[]
}

export interface PlatformChoiceOptions extends Abortable {
  /** None: all there are. */
  readonly platforms?: readonly Platform[]
  /** Keeps the index and so its digest, though only some of its images are copied; without it one image stands for itself, and several get an index of their own. */
  readonly sparse?: boolean
}

/** Chooses the images for exactly these platforms; `not_found` NO_PLATFORM if one is missing. Attestations come with their images. */
export const choosePlatforms = async (
  source: ContentSource,
  root: Descriptor,
  { platforms = [], sparse = false, ...abortable }: PlatformChoiceOptions,
): Promise<PlatformChoice> => {
  if (platforms.length === 0) return { target: root, members: [root] }
  const chosen = new Map<Digest, Descriptor>()
  for (const platform of platforms) {
    const { descriptor } = await selectImage(source, root, { platform, ...abortable })
    chosen.set(descriptor.digest, { ...descriptor, platform: descriptor.platform ?? platform })
  }
  const [only, ...others] = chosen.values()
  const read = await readManifest(source, root, abortable)
  if (read.kind === 'manifest') return { target: root, members: [root] }
  if (imagesOf(read.index).every(({ digest }) => chosen.has(digest))) return { target: root, members: [root] }
  if (only !== undefined && others.length === 0 && !sparse) return { target: only, members: [only] }
  const members = [...chosen.values(), ...attestationsOf(read.index, chosen)]
  if (sparse) return { target: root, bytes: read.bytes, members }
  const bytes = reduceIndex(read.bytes, members)
  return { target: describe(bytes, root.mediaType || read.mediaType), bytes, members }
}

const attestationsOf = ({ manifests }: Index, chosen: ReadonlyMap<Digest, Descriptor>): readonly Descriptor[] =>
  manifests.filter((entry) => isAttestation(entry) && chosen.has(entry.annotations?.['vnd.docker.reference.digest'] as Digest))

/** The index with these entries only, every other field as it was; images that stood in an index below come last. */
const reduceIndex = (bytes: Buffer, members: readonly Descriptor[]): Buffer => {
  const index = JSON.parse(bytes.toString('utf8')) as { readonly manifests: readonly { readonly digest: string }[] }
  const wanted = new Set<string>(members.map(({ digest }) => digest))
  const kept = index.manifests.filter(({ digest }) => wanted.delete(digest))
  return encodeJson({ ...index, manifests: [...kept, ...members.filter(({ digest }) => wanted.has(digest))] })
}

export interface CopyPlatformsOptions extends Omit<CopyOptions, 'platform' | 'fallback' | 'index' | 'from'> {
  readonly choice: PlatformChoice
}

/** Copies what was chosen, as copy() does, and answers what the names point at. */
export const copyPlatforms = async (
  source: ImageSource,
  sink: ImageSink,
  { choice, to = [], ...options }: CopyPlatformsOptions,
): Promise<Descriptor> => {
  const { target, bytes, members } = choice
  const [root] = members
  if (bytes === undefined && root !== undefined) return await copy(source, sink, { ...options, from: root, to })
  for (const member of members) await copy(source, sink, { ...options, from: member })
  if (bytes !== undefined && !(await sink.has(target, options))) await sink.write(target, streamOf(bytes), options)
  for (const reference of typeof to === 'string' ? [to] : to) {
    await sink.tag(reference, target, options)
    options.onEvent?.({ kind: 'tagged', reference, descriptor: target })
  }
  return target
}
