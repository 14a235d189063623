import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Engine } from '../engine.ts'
import { findImage } from './lookup.ts'

/** Gives an image one more name; a name that another image has moves here. Answers the full reference. */
export const tagImage = async (engine: Engine, source: string, name: string): Promise<string> => {
  const reference = parseReference(name)
  if (reference.digest !== undefined)
    throw new GantryError(
      'invalid_argument',
      'TAG_WITH_DIGEST',
      'Cannot tag an image: refusing to create a tag with a digest reference',
    )
  const image = await findImage(engine, source)
  const full = formatReference(withDefaultTag(reference))
  await (await engine.content()).tag(full, image.target)
  return full
}
