import { GantryError } from '../../lib/errors.ts'
import { familiarString, formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { findImage } from './lookup.ts'

/**
 * Takes names from an image, all of them where none is given, and never the image itself: with its last name it becomes a dangling
 * one. Answers the familiar references that were taken. `not_found` before anything is changed if the image does not have a name.
 */
export const untagImage = async (engine: Engine, text: string, names: readonly string[] = []): Promise<readonly string[]> => {
  const store = await engine.content()
  await using _lease = await store.lease()
  const image = await findImage(engine, text)
  const taken = names.length === 0 ? image.names : names.map((name) => formatReference(withDefaultTag(parseReference(name))))
  for (const name of taken)
    if (!image.names.includes(name))
      throw new GantryError('not_found', 'NO_SUCH_NAME', `Cannot untag "${text}": it has no name "${name}"`, {
        hint: `its names are ${image.names.map((one) => familiarString(parseReference(one))).join(', ') || 'none'}`,
      })
  // under the lease: nobody collects it while it has no name
  await store.has(image.target)
  for (const name of taken) await store.untag(name, image.target.digest)
  if (image.names.every((name) => taken.includes(name))) await store.tag(image.target.digest, image.target)
  return taken.map((name) => familiarString(parseReference(name)))
}
