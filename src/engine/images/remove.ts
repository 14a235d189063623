import type { DiskStore } from '../../content/interfaces.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Digest } from '../../oci/digest.ts'
import { familiarString, formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { listContainers } from '../containers/records.ts'
import { currentState } from '../containers/state.ts'
import type { Engine } from '../engine.ts'
import { collectUnused } from './collect.ts'
import { findImage, type FoundImage } from './lookup.ts'

export interface RemovedImage {
  /** Familiar references that were taken away. */
  readonly untagged: readonly string[]
  /** The image ID, if this was the last name. */
  readonly deleted?: Digest
}

export interface RemoveOptions {
  readonly force?: boolean
  /** Default true; false leaves what is not used any more to a later `collectUnused`, for who removes several. */
  readonly collect?: boolean
}

/**
 * Takes a name from an image, and the image itself with the last name. By ID all names go, which needs `force` when they are in
 * several repositories. An image that a container uses stays unless forced, and even then its layers stay as long as the container
 * does; one that a running container uses stays.
 */
export const removeImage = async (engine: Engine, text: string, options: RemoveOptions = {}): Promise<RemovedImage> => {
  const store = await engine.content()
  const found = await findOrDamaged(engine, store, text)
  const removed = typeof found === 'string' ? await removeDamaged(store, found) : await removeFound(engine, found, text, options)
  if (removed.deleted !== undefined && options.collect !== false) await collectUnused(engine)
  return removed
}

const removeFound = async (engine: Engine, found: FoundImage, text: string, options: RemoveOptions): Promise<RemovedImage> => {
  const store = await engine.content()
  const names = found.name === undefined ? found.names : [found.name]
  if (found.name === undefined && names.length > 1 && options.force !== true && !sameRepositories(names))
    throw conflict(
      found,
      `unable to delete ${shortId(found.id)} (must be forced) - image is referenced in multiple repositories`,
      'use --force, or remove the names one by one',
    )
  const last = found.names.every((name) => names.includes(name))
  if (last) await refuseUsed(engine, found, text, options.force === true)
  for (const name of names) await store.untag(name, found.target.digest)
  if (last && found.names.length === 0) await store.untag(found.target.digest)
  return { untagged: names.map(familiar), ...(last ? { deleted: found.id } : {}) }
}

const familiar = (name: string): string => familiarString(parseReference(name))
const shortId = (id: Digest): string => id.slice(7, 19)
const conflict = (found: FoundImage, reason: string, hint: string): GantryError =>
  new GantryError('conflict', 'IMAGE_IN_USE', `Cannot remove image ${shortId(found.id)}: ${reason}`, { hint })

/** What running containers use cannot be removed at all, what others use only by force, as in docker. */
const refuseUsed = async (engine: Engine, found: FoundImage, text: string, force: boolean): Promise<void> => {
  for (const container of await listContainers(engine)) {
    if (container.image.id !== found.id) continue
    const id = container.id.slice(0, 12)
    if ((await currentState(engine, container)).status === 'running')
      throw conflict(
        found,
        `unable to delete ${shortId(found.id)} (cannot be forced) - image is being used by running container ${id}`,
        `stop the container first: gantry stop ${container.name}`,
      )
    if (!force)
      throw conflict(
        found,
        `unable to remove repository reference "${text}" (must force) - container ${id} is using its referenced image ${shortId(found.id)}`,
        `remove the container first: gantry rm ${container.name}`,
      )
  }
}

const sameRepositories = (names: readonly string[]): boolean =>
  new Set(
    names.map((name) => {
      const { domain, path } = parseReference(name)
      return `${domain}/${path}`
    }),
  ).size <= 1

/** The image, or the full name or digest of one that is too damaged to be read. */
const findOrDamaged = async (engine: Engine, store: DiskStore, text: string): Promise<FoundImage | string> => {
  try {
    return await findImage(engine, text)
  } catch (error) {
    if (!isGantryError(error, 'not_found')) throw error
    const names = (await store.names()).map(({ name, descriptor }) => name ?? descriptor.digest)
    const damaged = names.find((name) => name === text || name === fullName(text))
    if (damaged === undefined) throw error
    return damaged
  }
}

const fullName = (text: string): string | undefined => {
  try {
    return formatReference(withDefaultTag(parseReference(text)))
  } catch {
    return undefined
  }
}

const removeDamaged = async (store: DiskStore, name: string): Promise<RemovedImage> => {
  const target = (await store.resolve(name)).digest
  await store.untag(name)
  const last = !(await store.names()).some(({ descriptor }) => descriptor.digest === target)
  return { untagged: name === target ? [] : [familiar(name)], ...(last ? { deleted: target } : {}) }
}
