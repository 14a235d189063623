import { statSync } from 'node:fs'
import { readdir, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import { systemCode } from '../lib/errors.ts'
import { exists, writeFileAtomic } from '../lib/files.ts'
import { lock, tryLock, type FileLock } from '../lib/lock.ts'
import { digestHex, isDigest, type DiffId } from '../oci/digest.ts'
import type { FileFacts } from './explain/differences.ts'
import { hashOf } from './graph.ts'
import type { BuildServices } from './interfaces.ts'

/** What a step once made. */
export interface CacheRecord {
  readonly layer: DiffId
  /** The layer's date, seconds since 1970: how new what it was made of is. */
  readonly time: number
  /** When the layer was made here, RFC 3339. */
  readonly createdAt: string
  /** Everything that the step depended on: the key is its digest. Kept to say later why a step was not cached. */
  readonly inputs: unknown
  /** The step's label. */
  readonly step: string
}

export interface BuildCacheOptions {
  readonly folder: string
  /** Whether a layer is still there. */
  readonly hasLayer: (id: DiffId) => Promise<boolean>
  readonly now: () => Date
}

/**
 * Results of steps by the digest of what they depend on, in files that many builds read and write at once. A record that cannot be
 * read, or whose layer is gone, is none.
 */
export class BuildCache {
  readonly #folder: string
  readonly #hasLayer: BuildCacheOptions['hasLayer']
  readonly #now: BuildCacheOptions['now']

  constructor({ folder, hasLayer, now }: BuildCacheOptions) {
    this.#folder = folder
    this.#hasLayer = hasLayer
    this.#now = now
  }

  async find(inputs: unknown): Promise<CacheRecord | undefined> {
    const path = this.#path('records', hashOf(inputs))
    const record = parseRecord(await readText(path))
    if (record === undefined || !(await this.#hasLayer(record.layer))) return undefined
    await noteUse(path, this.#now())
    return record
  }

  async keep(record: CacheRecord): Promise<void> {
    const path = this.#path('records', hashOf(record.inputs))
    await writeFileAtomic(path, JSON.stringify({ version: 1, ...record }), 0o644, false)
  }

  /** Keeps what each path of a layer was made of, to say later which one changed. */
  async keepFiles(layer: DiffId, files: FileFacts): Promise<void> {
    await writeFileAtomic(this.#path('files', digestHex(layer)), JSON.stringify(files), 0o644, false)
  }

  /** What each path of a layer was made of, where that is known. */
  async filesOf(layer: string): Promise<FileFacts | undefined> {
    return isDigest(layer) ? parseFiles(await readText(this.#path('files', digestHex(layer)))) : undefined
  }

  /** Where the last builds are remembered. */
  get historyFolder(): string {
    return historyFolderIn(this.#folder)
  }

  /** Lets only one build at a time, of all processes, work on a step. */
  async lock(inputs: unknown, options: Abortable & { readonly onWait: () => void }): Promise<FileLock> {
    return await lock(join(this.#folder, 'locks', hashOf(inputs)), 'exclusive', options)
  }

  #path(kind: 'records' | 'files', key: string): string {
    return recordPath(this.#folder, kind, key)
  }
}

/** The cache of a root's builds. */
export const buildCache = ({ cacheFolder, layers, now }: Pick<BuildServices, 'cacheFolder' | 'layers' | 'now'>): BuildCache =>
  new BuildCache({ folder: cacheFolder, hasLayer: (id) => layers.has(id), now })

/** A record by its key, and when it was last found. */
export interface KeyedRecord extends CacheRecord {
  readonly key: string
  /** Milliseconds since 1970, to the hour. */
  readonly usedAt: number
}

/** The records of a cache folder, whether their layers are there or not. */
export const cacheRecords = async (folder: string): Promise<readonly KeyedRecord[]> => {
  const found: KeyedRecord[] = []
  const records = join(folder, 'records')
  for (const part of await readNames(records))
    for (const name of await readNames(join(records, part))) {
      const path = join(records, part, name)
      const record = name.endsWith('.json') ? parseRecord(await readText(path)) : undefined
      const usedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
      if (record !== undefined) found.push({ ...record, usedAt, key: name.slice(0, -'.json'.length) })
    }
  return found
}

/** The layers that the records of a cache folder name: what is not to be collected. */
export const cachedLayerIds = async (folder: string): Promise<readonly DiffId[]> => [
  ...new Set((await cacheRecords(folder)).map(({ layer }) => layer)),
]

/** Where the last builds of a cache folder are remembered. */
export const historyFolderIn = (folder: string): string => join(folder, 'builds')

/** Forgets what a step made; the layer is for others to remove. */
export const dropCacheRecord = async (
  folder: string,
  { key, layer }: { readonly key: string; readonly layer: DiffId },
): Promise<void> => {
  await rm(recordPath(folder, 'records', key), { force: true })
  // another step may have made the same layer: only an explanation is lost
  await rm(recordPath(folder, 'files', digestHex(layer)), { force: true })
  // a build that waits for the file that goes may do the step beside another that makes a new one, and both make the same
  const lockPath = join(folder, 'locks', key)
  if (!(await exists(lockPath))) return
  await using free = await tryLock(lockPath)
  if (free !== undefined) await rm(lockPath, { force: true })
}

/** Milliseconds within which a second use is not written down. */
const useGranularity = 3_600_000

/** A record's own time says when it was last of use. */
const noteUse = async (path: string, now: Date): Promise<void> => {
  try {
    if (now.getTime() - (await stat(path)).mtimeMs > useGranularity) await utimes(path, now, now)
  } catch (error) {
    // somebody has removed it
    if (systemCode(error) !== 'ENOENT') throw error
  }
}

const recordPath = (folder: string, kind: 'records' | 'files', key: string): string =>
  join(folder, kind, key.slice(0, 2), `${key}.json`)

const readNames = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return []
    throw error
  }
}

const readText = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}

const parseRecord = (text: string): CacheRecord | undefined => {
  let value: Partial<CacheRecord & { readonly version: number }> | null
  try {
    value = JSON.parse(text) as typeof value
  } catch {
    return undefined
  }
  if (value === null || value.version !== 1 || typeof value.layer !== 'string' || !isDigest(value.layer)) return undefined
  const { layer, time, createdAt = '', inputs, step = '' } = value
  if (time === undefined || !Number.isSafeInteger(time) || Number.isNaN(Date.parse(createdAt))) return undefined
  return { layer, time, createdAt, inputs, step }
}

const parseFiles = (text: string): FileFacts | undefined => {
  try {
    const value = JSON.parse(text) as unknown
    if (typeof value !== 'object' || value === null) return undefined
    return Object.values(value).every((one) => typeof one === 'string') ? (value as FileFacts) : undefined
  } catch {
    return undefined
  }
}
