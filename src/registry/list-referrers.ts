import { mapConcurrent } from '../lib/concurrency.ts'
import { isGantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { parseIndex } from '../oci/manifest.ts'
import { isIndexType } from '../oci/media-type.ts'
import { referrerOf, referrersTag } from '../oci/referrer.ts'
import type { RegistryRepository } from './interfaces.ts'

/**
 * All manifests of the repository whose subject is the digest, ordered by digest: those that were recorded when they were pushed,
 * and those of the fallback tag, which may be older than the record (§Enabling the Referrers API). What the fallback tag says of
 * them does not count, only what they say themselves.
 */
export const listReferrers = async (repository: RegistryRepository, subject: Digest): Promise<readonly Descriptor[]> => {
  const recorded = await repository.referrers(subject)
  const known = new Set(recorded.map(({ digest }) => digest))
  const listed = [...new Set((await fallbackEntries(repository, subject)).map(({ digest }) => digest))].filter(
    (digest) => !known.has(digest),
  )
  const older = await mapConcurrent(listed, 8, async (digest) => {
    const found = await repository.manifest(digest)
    const referrer = found === undefined ? undefined : referrerOf(found.descriptor, found.bytes)
    return referrer?.subject.digest === subject ? referrer.referrer : undefined
  })
  return [...recorded, ...older.filter((descriptor) => descriptor !== undefined)].sort((a, b) => (a.digest < b.digest ? -1 : 1))
}

const fallbackEntries = async (repository: RegistryRepository, subject: Digest): Promise<readonly Descriptor[]> => {
  const found = await repository.manifest(referrersTag(subject))
  if (found === undefined || !isIndexType(found.descriptor.mediaType)) return []
  try {
    return parseIndex(found.bytes, found.descriptor.mediaType).manifests
  } catch (error) {
    if (isGantryError(error)) return []
    throw error
  }
}
