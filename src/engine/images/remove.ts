import { GantryError } from '../../lib/errors.ts'
import type { Digest } from '../../oci/digest.ts'
import { familiarString, parseReference } from '../../oci/reference.ts'
import { listContainers } from '../containers/records.ts'
import type { Engine } from '../engine.ts'
import { collectUnused } from './collect.ts'
import { findImage, type FoundImage } from './lookup.ts'

export interface RemovedImage {
  /** Familiar references that were taken away. */
  readonly untagged: readonly string[]
  /** The image ID, if this was the last name. */
  readonly deleted?: Digest
}

/**
 * Takes a name from an image, and the image itself with the last name. By ID all names go, which needs `force` when there are
 * several. An image that a container uses stays unless forced, and even then its layers stay as long as the container does.
 */
export const removeImage = async (
  engine: Engine,
  text: string,
  options: { readonly force?: boolean } = {},
): Promise<RemovedImage> => {
  const store = await engine.content()
  const found = await findImage(engine, text)
  const names = found.name === undefined ? found.names : [found.name]
  if (found.name === undefined && names.length > 1 && options.force !== true && !sameRepositories(names))
    throw conflict(
      found,
      `unable to delete ${shortId(found.id)} (must be forced) - image is referenced in multiple repositories`,
      'use --force, or remove the names one by one',
    )
  const last = found.names.every((name) => names.includes(name))
  if (last && options.force !== true) {
    const user = (await listContainers(engine)).find((container) => container.image.id === found.id)
    if (user !== undefined)
      throw conflict(
        found,
        `unable to remove repository reference "${text}" (must force) - container ${user.id.slice(0, 12)} is using its referenced image ${shortId(found.id)}`,
        `remove the container first: gantry rm ${user.name}`,
      )
  }
  for (const name of names) await store.untag(name)
  if (last && found.names.length === 0) await store.untag(found.target.digest)
  if (last) await collectUnused(engine)
  return { untagged: names.map((name) => familiarString(parseReference(name))), ...(last ? { deleted: found.id } : {}) }
}

const shortId = (id: Digest): string => id.slice(7, 19)
const conflict = (found: FoundImage, reason: string, hint: string): GantryError =>
  new GantryError('conflict', 'IMAGE_IN_USE', `Cannot remove image ${shortId(found.id)}: ${reason}`, { hint })

const sameRepositories = (names: readonly string[]): boolean =>
  new Set(
    names.map((name) => {
      const { domain, path } = parseReference(name)
      return `${domain}/${path}`
    }),
  ).size <= 1
