import type { Abortable } from '../../lib/bytes.ts'
import { filesAt, freedBytes, type FileUse } from '../../lib/disk-usage.ts'
import { isGantryError } from '../../lib/errors.ts'
import { familiarString, parseReference } from '../../oci/reference.ts'
import { listStates } from '../containers/list.ts'
import { listContainers } from '../containers/records.ts'
import { removeContainer } from '../containers/remove.ts'
import type { Engine } from '../engine.ts'
import { collectUnused } from '../images/collect.ts'
import { localImages } from '../images/lookup.ts'
import type { RemovedImage } from '../images/remove.ts'
import { forgetCompressions, removeAbandoned } from './leftovers.ts'
import { forgetCache, type CacheLimits, type CacheType } from './forget-cache.ts'
import { matchesFilter, type PruneFilter } from './prune-filter.ts'

export interface PruneOptions extends Abortable {
  /** Containers that do not run. */
  readonly containers?: boolean
  /** `dangling`: images without a name; `all`: every image that no container was made from. */
  readonly images?: 'dangling' | 'all'
  /** `unused`: cached steps whose layers nothing else needs; `all`: every cached step. */
  readonly cache?: 'unused' | 'all'
  /** Which of the build cache, in BuildKit's words; default: steps and the caches that they mount. */
  readonly cacheType?: CacheType
  /** How much of the cache may stay; default: nothing of what is to be forgotten. */
  readonly limits?: CacheLimits
  /** Forget what has arrived of blobs whose download was not resumed since then, milliseconds since 1970. */
  readonly partialsBefore?: number
  readonly filter?: PruneFilter
}

export type { CacheType } from './forget-cache.ts'

export interface Pruned {
  readonly containers: readonly string[]
  readonly images: readonly RemovedImage[]
  /** Keys of cached steps and of cache mounts. */
  readonly cache: readonly string[]
  /** Bytes on the disk. */
  readonly reclaimed: number
}

/** Removes what is not used, of the kinds that are asked for, while other processes work; what they rely on stays. */
export const prune = async (engine: Engine, options: PruneOptions): Promise<Pruned> => {
  const freed: FileUse[] = []
  const containers = options.containers === true ? await pruneContainers(engine, options, freed) : []
  const images = options.images === undefined ? [] : await untagUnused(engine, options)
  const cache = options.cache === undefined ? [] : await forgetCache(engine, { ...options, cache: options.cache }, freed)
  await collectUnused(engine, {
    ...options,
    onHidden: (hidden) => {
      for (const { path } of hidden) freed.push(...filesAt(path))
    },
  })
  await forgetCompressions(engine)
  freed.push(...(await removeAbandoned(engine)))
  return { containers, images, cache, reclaimed: freedBytes(freed) }
}

/** Time in which a container that was made is about to be started, in milliseconds. */
const startTime = 60_000

const pruneContainers = async (engine: Engine, { filter = {} }: PruneOptions, freed: FileUse[]): Promise<readonly string[]> => {
  const removed: string[] = []
  const now = engine.options.now().getTime()
  for (const { id, state, created, spec, autoRemove } of await listStates(engine)) {
    // what is removed when it ends is somebody else's to remove
    if (state.status === 'running' || autoRemove || !matchesFilter(filter, created, spec.labels)) continue
    if (state.status === 'created' && now - Date.parse(created) < startTime) continue
    const uses = filesAt(engine.path('containers', id))
    try {
      await removeContainer(engine, id)
    } catch (error) {
      // somebody has removed it, or started it
      if (isGantryError(error, 'not_found') || isGantryError(error, 'conflict')) continue
      throw error
    }
    freed.push(...uses)
    removed.push(id)
  }
  return removed
}

const untagUnused = async (engine: Engine, { images: which, filter = {} }: PruneOptions): Promise<readonly RemovedImage[]> => {
  const store = await engine.content()
  const used = new Set((await listContainers(engine)).map(({ image }) => image.id))
  const removed: RemovedImage[] = []
  for (const { names, target, id, image } of await localImages(engine)) {
    if (used.has(id) || (which === 'dangling' && names.length > 0)) continue
    if (!matchesFilter(filter, image.config.created, image.config.config?.Labels ?? {})) continue
    // a name that another process has moved meanwhile is not touched
    for (const name of names) await store.untag(name, target.digest)
    if (names.length === 0) await store.untag(target.digest)
    removed.push({ untagged: names.map((name) => familiarString(parseReference(name))), deleted: id })
  }
  return removed
}
