import { cosignTags, referrerDepthLimit } from '../../content/copy-referrers.ts'
import { selectImage } from '../../content/select.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Engine } from '../engine.ts'
import type { Location } from '../locations/location.ts'
import { openSource, type OpenedSource } from '../locations/open-source.ts'

export interface ListReferrersOptions extends Abortable {
  readonly artifactType?: string
  /** The image of an index whose referrers are listed; without it those of the index. */
  readonly platform?: Platform
  /** 1 (default): what refers to the image itself; 2: what refers to that too, and so on. */
  readonly depth?: number
}

/** A manifest that refers to another one, and what refers to it. */
export interface Referrer {
  readonly descriptor: Descriptor
  /** The tag that makes it one by cosign's older scheme, in which nothing else does. */
  readonly tag?: string
  readonly referrers: readonly Referrer[]
}

export interface ReferrerTree {
  readonly subject: Descriptor
  readonly referrers: readonly Referrer[]
}

/** What refers to an image: signatures, SBOMs, attestations and whatever else was attached. A type filters the first level. */
export const listReferrers = async (
  engine: Engine,
  location: Location,
  options: ListReferrersOptions = {},
): Promise<ReferrerTree> => {
  const { artifactType, platform, depth = 1, ...abortable } = options
  if (!Number.isInteger(depth) || depth < 1 || depth > referrerDepthLimit)
    throw new GantryError(
      'invalid_argument',
      'DEPTH_INVALID',
      `Cannot list referrers ${depth} deep: 1 to ${referrerDepthLimit} will do`,
    )
  await using opened = await openSource(engine, location, abortable)
  const root = await opened.source.resolve(opened.reference, abortable)
  const subject = platform === undefined ? root : (await selectImage(opened.source, root, { platform, ...abortable })).descriptor
  const found = await below(opened, subject.digest, depth, abortable)
  const referrers = found.filter(({ descriptor }) => artifactType === undefined || descriptor.artifactType === artifactType)
  return { subject, referrers }
}

const below = async (opened: OpenedSource, subject: Digest, depth: number, options: Abortable): Promise<readonly Referrer[]> => {
  const found: Referrer[] = []
  const above = async ({ digest }: Descriptor): Promise<readonly Referrer[]> =>
    depth === 1 ? [] : await below(opened, digest, depth - 1, options)
  for (const descriptor of await opened.referrers(subject, options))
    found.push({ descriptor, referrers: await above(descriptor) })
  for (const tag of cosignTags(subject)) {
    const descriptor = await tagged(opened, tag, options)
    if (descriptor !== undefined) found.push({ descriptor, tag, referrers: await above(descriptor) })
  }
  return found
}

const tagged = async ({ source }: OpenedSource, tag: string, options: Abortable): Promise<Descriptor | undefined> => {
  try {
    const descriptor = await source.resolve(tag, options)
    const { manifest } = await selectImage(source, descriptor, options)
    return { ...descriptor, artifactType: manifest.artifactType ?? manifest.config.mediaType }
  } catch (error) {
    if (isGantryError(error, 'not_found') || isGantryError(error, 'invalid_argument')) return undefined
    throw error
  }
}
