import { collect, type Abortable } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { manifestLimit, parseManifestOrIndex, type ParsedManifest } from '../oci/manifest.ts'
import type { ContentSource, SmallBlobReader } from './interfaces.ts'
import { verified, verifyBytes } from './verify.ts'

export const isSmallBlobReader = (place: object): place is SmallBlobReader => 'read' in place && typeof place.read === 'function'

export interface ReadBlobOptions extends Abortable {
  /** Most bytes, 4 MiB when absent. */
  readonly limit?: number
}

/** A small blob in memory, verified: at once where the source can, from the descriptor itself where it holds the content. */
export const readBlob = async (source: ContentSource, descriptor: Descriptor, options: ReadBlobOptions = {}): Promise<Buffer> => {
  const { limit = manifestLimit } = options
  const { digest, size, data } = descriptor
  if (size > limit)
    throw new GantryError('resource_exhausted', 'TOO_LARGE', `Cannot read "${digest}": its ${size} bytes are more than ${limit}`)
  if (data !== undefined) {
    const bytes = Buffer.from(data, 'base64')
    verifyBytes(bytes, descriptor)
    return bytes
  }
  if (isSmallBlobReader(source)) return source.read(descriptor, limit)
  return await collect(verified(await source.open(descriptor, options), descriptor), limit, `"${digest}"`)
}

/** A manifest or index and the bytes it was read from, which are what is kept and copied. */
export type ReadManifest = ParsedManifest & { readonly bytes: Buffer }

/** Reads and parses a manifest or an index of a source. */
export const readManifest = async (
  source: ContentSource,
  descriptor: Descriptor,
  options: Abortable = {},
): Promise<ReadManifest> => {
  const bytes = await readBlob(source, descriptor, options)
  return { ...parseManifestOrIndex(bytes, descriptor.mediaType || undefined), bytes }
}
