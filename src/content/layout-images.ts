import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest } from '../oci/digest.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { describeManifest } from './describe-manifest.ts'
import type { NamedDescriptor, SmallBlobReader } from './interfaces.ts'
import type { LayoutEntry } from './layout-index.ts'

/** The text as a full normalised reference, or undefined if it is none. A bare word is taken for a tag, not for an image's name. */
export const fullReference = (text: string | undefined): string | undefined => {
  if (text === undefined || !/[:/]/.test(text)) return undefined
  try {
    return formatReference(withDefaultTag(parseReference(text)))
  } catch {
    return undefined
  }
}

/** The entries of an index.json by full reference. */
export const layoutImages = (entries: readonly LayoutEntry[]): readonly NamedDescriptor[] =>
  entries.map(({ name, refName, descriptor }) => {
    const full = fullReference(name) ?? fullReference(refName)
    return full === undefined ? { descriptor } : { name: full, descriptor }
  })

/** What refers to an image lies beside it: without a name, or with one that is made of the image's digest. */
const isReferrer = (name: string | undefined, { artifactType }: Descriptor): boolean =>
  name === undefined ? artifactType !== undefined : /^sha(?:256|512)-[0-9a-f]{64}/.test(name)

/**
 * Finds an entry of an index.json by either of its names, by the full reference that a name stands for, or by digest; '' stands for
 * the only image there is. `not_found`, or `conflict` AMBIGUOUS if several images would do.
 */
export const resolveInLayout = (
  entries: readonly LayoutEntry[],
  reference: string,
  what: string,
  blobs: SmallBlobReader,
  sizeOf: (digest: Descriptor['digest']) => number | undefined,
): Descriptor => {
  const images = layoutImages(entries)
  const found = entries.filter(({ name, refName, descriptor }, index) =>
    reference === ''
      ? !isReferrer(name, descriptor)
      : [name, refName, descriptor.digest, images[index]?.name].includes(reference),
  )
  const [first] = found
  const digests = new Set(found.map(({ descriptor }) => descriptor.digest))
  if (first !== undefined && digests.size === 1) return first.descriptor
  if (first === undefined && isDigest(reference)) return describeManifest(blobs, reference, sizeOf(reference))
  const known = entries.map(({ name, descriptor }) => name ?? descriptor.digest)
  const shown = [...new Set(known)].slice(0, 10).join(', ')
  if (first === undefined)
    throw new GantryError('not_found', 'NAME_UNKNOWN', `Cannot find "${reference}": ${what} does not have it`, {
      hint: known.length === 0 ? 'it has no images' : `it has ${shown}`,
    })
  throw new GantryError(
    'conflict',
    'AMBIGUOUS',
    `Cannot choose an image of ${what}: ${digests.size} images are called "${reference}"`,
    {
      hint: `name one by its digest: ${[...digests].slice(0, 10).join(', ')}`,
    },
  )
}
