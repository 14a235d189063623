import { familiarString, withDigest, type Reference } from '../oci/reference.ts'

/** A reference in the words of a pull; where there is a digest, without the tag, which counts for nothing then. */
const pulledName = (reference: Reference): string =>
  familiarString(reference.digest === undefined ? reference : withDigest(reference, reference.digest))

/** docker's first line of a pull: the tag, or name and digest, and the repository's path. */
export const pullingLine = (reference: Reference): string =>
  `${reference.digest === undefined ? (reference.tag ?? 'latest') : pulledName(reference)}: Pulling from ${reference.path}`

/** docker's last line of a pull. */
export const statusLine = (upToDate: boolean, reference: Reference): string =>
  `Status: ${upToDate ? 'Image is up to date' : 'Downloaded newer image'} for ${pulledName(reference)}`
