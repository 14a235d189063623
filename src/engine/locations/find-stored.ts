import { isGantryError } from '../../lib/errors.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { compressImage } from '../images/compress.ts'
import { findImage } from '../images/lookup.ts'

/** Something in the local store: an image, or an index none of whose images is here. */
export interface Stored {
  readonly target: Descriptor
  /** Full reference, if it was found by name or has only one. */
  readonly name?: string
}

/** Finds an image as `inspect` does, else a manifest list by its name. With `leaving` the image is compressed. */
export const findStored = async (
  engine: Engine,
  text: string,
  { leaving = false, ...abortable }: Abortable & { readonly leaving?: boolean } = {},
): Promise<Stored> => {
  try {
    const found = await findImage(engine, text)
    const [only, ...others] = found.names
    const name = found.name ?? (others.length === 0 ? only : undefined)
    const target = leaving ? await compressImage(engine, found.target, found.image, abortable) : found.target
    return { target, ...(name === undefined ? {} : { name }) }
  } catch (error) {
    const list = isGantryError(error, 'not_found') ? await findNamed(engine, text) : undefined
    if (list === undefined) throw error
    return list
  }
}

/** What has exactly this name, be it an image or not. */
export const findNamed = async (engine: Engine, text: string): Promise<Required<Stored> | undefined> => {
  // 64 hex digits are an ID and no name
  if (/^(?:sha256:)?[0-9a-f]{64}$/.test(text)) return undefined
  const name = formatReference(withDefaultTag(parseReference(text)))
  const named = (await (await engine.content()).names()).find((one) => one.name === name)
  return named === undefined ? undefined : { target: named.descriptor, name }
}
