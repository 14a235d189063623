import { statfs } from 'node:fs/promises'
import { listCacheMounts, removeCacheMount } from '../../build/cache-mounts.ts'
import { cacheRecords, dropCacheRecord, type KeyedRecord } from '../../build/cache.ts'
import { listKeptSources } from '../../build/sources/kept-sources.ts'
import { Reachable } from '../../content/reachable.ts'
import { filesAt, type FileUse } from '../../lib/disk-usage.ts'
import { listContainers } from '../containers/records.ts'
import type { Engine } from '../engine.ts'
import { matchesFilter, type PruneFilter } from './prune-filter.ts'

/** Bytes, as BuildKit's policies of garbage collection have them. */
export interface CacheLimits {
  /** What the cache may always keep. */
  readonly reserved?: number
  /** What it may keep at most. */
  readonly maxUsed?: number
  /** What is to be free on the disk afterwards. */
  readonly minFree?: number
}

/** Steps' layers or the caches that steps mount, in BuildKit's words. */
export type CacheType = 'regular' | 'exec.cachemount'

export interface ForgetOptions {
  readonly cache: 'unused' | 'all'
  /** Default: both. */
  readonly cacheType?: CacheType
  readonly filter?: PruneFilter
  readonly limits?: CacheLimits
}

/** Something in the cache that goes as a whole. */
interface Item {
  /** Milliseconds since 1970. */
  readonly usedAt: number
  readonly size: number
  /** An image or a container has it too: it costs the cache nothing. */
  readonly needed: boolean
  /** Forgets it, or what of it the filter lets go; true if all of it went. */
  forget(): Promise<boolean>
}

/**
 * Forgets what is cached: steps whose layers are gone in any case; of the rest what was of no use for the longest time, as far as the
 * limits ask for it. Answers the keys of what went. Layers are for the collector, the files of cache mounts are added to `freed`.
 */
export const forgetCache = async (engine: Engine, options: ForgetOptions, freed: FileUse[] = []): Promise<readonly string[]> => {
  const { cacheType, limits = {} } = options
  const removed: string[] = []
  const items = [
    ...(cacheType === 'exec.cachemount' ? [] : await stepItems(engine, options, removed)),
    ...(cacheType === 'regular' ? [] : await mountItems(engine, options, removed, freed)),
    ...(cacheType === undefined ? await sourceItems(engine, options, removed, freed) : []),
  ]
  let used = items.reduce((sum, { needed, size }) => sum + (needed ? 0 : size), 0)
  const keep = await bytesToKeep(engine, used, limits)
  for (const item of items.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (item.needed && (options.cache === 'unused' || keep !== undefined)) continue
    if (keep !== undefined && used <= keep) break
    if (await item.forget()) used -= item.needed ? 0 : item.size
  }
  return removed
}

/** Steps by the layer that they made. */
const stepItems = async (engine: Engine, { filter = {} }: ForgetOptions, removed: string[]): Promise<readonly Item[]> => {
  const folder = engine.path('build-cache')
  const [layers, needed] = [await engine.layers(), await layersOfImages(engine)]
  const drop = async (records: readonly KeyedRecord[]): Promise<void> => {
    for (const record of records) {
      await dropCacheRecord(folder, record)
      removed.push(record.key)
    }
  }
  const items: Item[] = []
  for (const [layer, records] of Map.groupBy(await cacheRecords(folder), (record) => record.layer)) {
    if (!(await layers.has(layer))) {
      await drop(records)
      continue
    }
    items.push({
      usedAt: Math.max(...records.map(({ usedAt }) => usedAt)),
      size: (await layers.info(layer)).tarSize,
      needed: needed.has(layer),
      forget: async () => {
        const chosen = records.filter(({ createdAt }) => matchesFilter(filter, createdAt))
        await drop(chosen)
        return chosen.length === records.length
      },
    })
  }
  return items
}

/** Caches that steps mount, but for those that a step has at the moment. */
const mountItems = async (
  engine: Engine,
  { filter = {} }: ForgetOptions,
  removed: string[],
  freed: FileUse[],
): Promise<readonly Item[]> => {
  const root = engine.path('build-cache')
  return (await listCacheMounts(root)).map(({ key, folder, usedAt }) => {
    const uses = filesAt(folder)
    return {
      usedAt: Date.parse(usedAt),
      size: uses.reduce((sum, { bytes }) => sum + bytes, 0),
      needed: false,
      forget: async () => {
        if (!matchesFilter(filter, usedAt) || !(await removeCacheMount(root, key))) return false
        freed.push(...uses)
        removed.push(key)
        return true
      },
    }
  })
}

/** Files and repositories that ADD and contexts brought, but for those that a build has at the moment. */
const sourceItems = async (
  engine: Engine,
  { filter = {} }: ForgetOptions,
  removed: string[],
  freed: FileUse[],
): Promise<readonly Item[]> =>
  (await listKeptSources(engine.path('sources'))).map((source) => {
    const { key, path, changedAt } = source
    const uses = filesAt(path)
    return {
      usedAt: changedAt,
      size: uses.reduce((sum, { bytes }) => sum + bytes, 0),
      needed: false,
      forget: async () => {
        if (!matchesFilter(filter, new Date(changedAt).toISOString()) || !(await source.remove())) return false
        freed.push(...uses)
        removed.push(key)
        return true
      },
    }
  })

/** How much may stay; undefined if nothing is said about it (BuildKit cache/manager.go calculates it in this way). */
const bytesToKeep = async (engine: Engine, used: number, limits: CacheLimits): Promise<number | undefined> => {
  const { reserved = 0, maxUsed = 0, minFree = 0 } = limits
  if (reserved === 0 && maxUsed === 0 && minFree === 0) return undefined
  let keep = maxUsed === 0 ? Infinity : maxUsed
  if (minFree > 0) {
    const { bavail, bsize } = await statfs(engine.options.root)
    const missing = minFree - bavail * bsize
    if (missing > 0) keep = Math.min(keep, used - missing)
  }
  // with a reserve alone, all that is above it goes
  if (maxUsed === 0 && minFree === 0) keep = 0
  return Math.max(keep, reserved)
}

/** The layers that images or containers need. */
const layersOfImages = async (engine: Engine): Promise<ReadonlySet<string>> => {
  const store = await engine.content()
  const reachable = new Reachable(store)
  await reachable.add((await store.names()).map(({ descriptor }) => descriptor))
  for (const { layers } of await listContainers(engine)) reachable.addLayers(layers)
  return reachable.layers
}
