import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { parseManifestOrIndex } from '../oci/manifest.ts'
import type { SmallBlobReader } from './interfaces.ts'

/** The descriptor of a manifest or index of which only the digest and the size are known; `not_found` if there is none, or it is neither. */
export const describeManifest = (source: SmallBlobReader, digest: Digest, size: number | undefined): Descriptor => {
  if (size === undefined)
    throw new GantryError('not_found', 'MANIFEST_UNKNOWN', `Cannot find "${digest}": there is no such manifest`)
  const bytes = source.read({ mediaType: '', digest, size })
  try {
    return { mediaType: parseManifestOrIndex(bytes).mediaType, digest, size }
  } catch (cause) {
    throw new GantryError('not_found', 'MANIFEST_UNKNOWN', `Cannot find "${digest}": it is no manifest`, { cause })
  }
}
