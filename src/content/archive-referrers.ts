import { isGantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { parseIndex } from '../oci/manifest.ts'
import { referrerOf, referrersTag } from '../oci/referrer.ts'
import type { ImageArchive } from './interfaces.ts'
import { isManifestLike } from './walk.ts'

/**
 * What refers to a digest in a layout or an archive: manifests of its index.json with that subject, as oras and gantry put them
 * there, and what the fallback tag lists, as regctl does.
 */
export const archiveReferrers = async (archive: ImageArchive, subject: Digest): Promise<readonly Descriptor[]> => {
  const found = new Map<Digest, Descriptor>()
  const candidates = [
    ...(await archive.images()).map(({ descriptor }) => descriptor),
    ...(await fallbackEntries(archive, subject)),
  ]
  for (const descriptor of candidates) {
    if (!isManifestLike(descriptor) || found.has(descriptor.digest) || !(await archive.has(descriptor))) continue
    const referrer = readReferrer(archive, descriptor, subject)
    if (referrer !== undefined) found.set(referrer.digest, referrer)
  }
  return [...found.values()]
}

/** What cannot be read refers to nothing that is asked for: it must not keep the rest from being found. */
const readReferrer = (
  archive: ImageArchive,
  { mediaType, digest, size }: Descriptor,
  subject: Digest,
): Descriptor | undefined => {
  try {
    const found = referrerOf({ mediaType, digest, size }, archive.read({ mediaType, digest, size }))
    return found?.subject.digest === subject ? found.referrer : undefined
  } catch (error) {
    if (isGantryError(error)) return undefined
    throw error
  }
}

const fallbackEntries = async (archive: ImageArchive, subject: Digest): Promise<readonly Descriptor[]> => {
  try {
    return parseIndex(archive.read(await archive.resolve(referrersTag(subject)))).manifests
  } catch (error) {
    if (isGantryError(error, 'not_found') || isGantryError(error, 'invalid_argument')) return []
    throw error
  }
}
