import { randomBytes } from 'node:crypto'
import { chmod, chown, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Abortable } from '../lib/bytes.ts'
import { systemCode, throwIfAborted } from '../lib/errors.ts'
import { exists, writeFileAtomic } from '../lib/files.ts'
import { tryLock, type FileLock } from '../lib/lock.ts'
import { hashOf } from './graph.ts'

/** What makes a cache another one: what steps share that ask for the same (BuildKit's ref of a cache folder). */
export interface CacheMountFacts {
  readonly id: string
  /** What names the files that a new one begins with. */
  readonly seed?: string
  /** Of a new one's folder; default 0755 of root. */
  readonly attributes?: { readonly mode: number; readonly uid: number; readonly gid: number }
}

/** Which cache a step mounts. */
export interface CacheMountRequest extends CacheMountFacts {
  readonly sharing: 'shared' | 'private' | 'locked'
  /** Writes what a new one begins with into an empty folder. */
  readonly fill?: (folder: string) => Promise<void>
}

interface HoldOptions extends Abortable {
  readonly now: () => Date
  /** A new empty folder on the file system of the build cache, for a cache that is being made. */
  readonly scratch: () => Promise<string>
  readonly onWait?: () => void
}

/** A cache that is held for a step, until it is disposed of. */
export interface HeldCacheMount extends AsyncDisposable {
  readonly key: string
  readonly folder: string
}

/** A cache as it lies on the disk. */
export interface CacheMount {
  /** Of this one folder of the cache. */
  readonly key: string
  readonly facts: CacheMountFacts
  readonly folder: string
  /** RFC 3339. */
  readonly createdAt: string
  readonly usedAt: string
}

const placeOf = (root: string): string => join(root, 'mounts')

const cacheMountKey = (request: CacheMountFacts): string => hashOf(factsOf(request))

const factsOf = ({ id, seed, attributes }: CacheMountFacts): CacheMountFacts => ({
  id,
  ...(seed === undefined ? {} : { seed }),
  ...(attributes === undefined ? {} : { attributes }),
})

/**
 * Holds a cache below a build cache's folder, making it where there is none. A cache has as many folders as were needed at once: a
 * `shared` step takes one that nobody has for himself, a `private` one a folder that nobody has at all, be it a new one, and a `locked`
 * one waits for that. The kernel ends the hold of a process that dies.
 */
export const holdCacheMount = async (root: string, request: CacheMountRequest, options: HoldOptions): Promise<HeldCacheMount> => {
  const key = cacheMountKey(request)
  const mode = request.sharing === 'shared' ? 'shared' : 'exclusive'
  for (let waited = false; ; waited = true) {
    throwIfAborted(options.signal)
    const known = request.sharing === 'locked' ? Math.max(1, await countFolders(root, key)) : Infinity
    for (let index = 0; index < known; index++) {
      const held = await tryLock(lockPath(root, key, index), mode)
      if (held !== undefined) return await openFolder(root, request, { key, index, held }, options)
    }
    if (!waited) options.onWait?.()
    await sleep(50)
  }
}

const lockPath = (root: string, key: string, index: number): string => join(placeOf(root), 'locks', `${key}-${index}`)
const folderPath = (root: string, key: string, index: number): string => join(placeOf(root), key, String(index))

const countFolders = async (root: string, key: string): Promise<number> =>
  (await namesIn(join(placeOf(root), key))).filter(isIndex).length

const isIndex = (name: string): boolean => /^\d{1,6}$/.test(name)

const openFolder = async (
  root: string,
  request: CacheMountRequest,
  { key, index, held }: { readonly key: string; readonly index: number; readonly held: FileLock },
  options: HoldOptions,
): Promise<HeldCacheMount> => {
  try {
    const folder = folderPath(root, key, index)
    if (!(await exists(folder))) await makeFolder(root, request, folder, await options.scratch())
    const now = options.now()
    await utimes(lockPath(root, key, index), now, now)
    return { key: `${key}-${index}`, folder, [Symbol.asyncDispose]: async () => held.release() }
  } catch (error) {
    held.release()
    throw error
  }
}

/** Those who share may make it at once: the first counts. */
const makeFolder = async (root: string, request: CacheMountRequest, folder: string, temporary: string): Promise<void> => {
  const { fill, attributes = { mode: 0o755, uid: 0, gid: 0 } } = request
  const facts = join(placeOf(root), cacheMountKey(request), 'facts.json')
  await writeFileAtomic(facts, JSON.stringify({ version: 1, ...factsOf(request) }), 0o644, false)
  try {
    await fill?.(temporary)
    const { uid, gid } = await stat(temporary)
    if (uid !== attributes.uid || gid !== attributes.gid) await chown(temporary, attributes.uid, attributes.gid)
    await chmod(temporary, attributes.mode & 0o7777)
    await rename(temporary, folder)
  } catch (error) {
    if (!(await exists(folder))) throw error
  }
}

/** All caches below a build cache's folder. */
export const listCacheMounts = async (root: string): Promise<readonly CacheMount[]> => {
  const found: CacheMount[] = []
  for (const key of await namesIn(placeOf(root))) {
    const facts = await readFacts(join(placeOf(root), key, 'facts.json'))
    if (facts === undefined) continue
    for (const name of (await namesIn(join(placeOf(root), key))).filter(isIndex)) {
      const folder = folderPath(root, key, Number(name))
      const [made, used] = await Promise.all([
        statOf(join(placeOf(root), key, 'facts.json')),
        statOf(lockPath(root, key, Number(name))),
      ])
      if (made === undefined) continue
      const createdAt = made.mtime.toISOString()
      found.push({ key: `${key}-${name}`, facts, folder, createdAt, usedAt: used?.mtime.toISOString() ?? createdAt })
    }
  }
  return found
}

/** Removes a cache; false if a step has it, or if it is gone. */
export const removeCacheMount = async (root: string, name: string): Promise<boolean> => {
  await using held = await holdFolder(root, name)
  if (held === undefined) return false
  const parent = dirname(held.folder)
  for (const one of await namesIn(parent))
    if (one.startsWith('old-')) await rm(join(parent, one), { recursive: true, force: true })
  const hidden = join(parent, `old-${randomBytes(8).toString('hex')}`)
  await rename(held.folder, hidden)
  await rm(hidden, { recursive: true, force: true })
  return true
}

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return []
    throw error
  }
}

const statOf = async (path: string): Promise<{ readonly mtime: Date } | undefined> => {
  try {
    return await stat(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

const readFacts = async (path: string): Promise<CacheMountFacts | undefined> => {
  try {
    return parseCacheMountFacts(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** Facts of a cache out of a file that anybody may have written; undefined for what is none. */
export const parseCacheMountFacts = (value: unknown): CacheMountFacts | undefined => {
  const { id, seed, attributes } = (value ?? {}) as {
    readonly id?: unknown
    readonly seed?: unknown
    readonly attributes?: unknown
  }
  if (typeof id !== 'string' || (seed !== undefined && typeof seed !== 'string')) return undefined
  const named = { id, ...(seed === undefined ? {} : { seed }) }
  if (attributes === undefined) return named
  const { mode, uid, gid } = (attributes ?? {}) as Readonly<Record<'mode' | 'uid' | 'gid', unknown>>
  return isId(mode) && isId(uid) && isId(gid) ? { ...named, attributes: { mode, uid, gid } } : undefined
}

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32

/** Holds a cache's folder for oneself, if it is there and nobody has it. */
export const holdFolder = async (root: string, name: string): Promise<HeldCacheMount | undefined> => {
  const [, key = '', index = ''] = /^([0-9a-f]{64})-(\d{1,6})$/.exec(name) ?? []
  if (key === '') return undefined
  const folder = folderPath(root, key, Number(index))
  const held = await tryLock(lockPath(root, key, Number(index)))
  if (held !== undefined && (await exists(folder)))
    return { key: name, folder, [Symbol.asyncDispose]: async () => held.release() }
  held?.release()
  return undefined
}

/** Whether there is such a cache already. */
export const hasCacheMount = async (root: string, facts: CacheMountFacts): Promise<boolean> =>
  (await countFolders(root, cacheMountKey(facts))) > 0
