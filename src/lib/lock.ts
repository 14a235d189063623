import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseSync } from 'node:sqlite'
import { messageOf, throwIfAborted } from './errors.ts'
import type { Abortable } from './bytes.ts'

export type LockMode = 'shared' | 'exclusive'

/**
 * A lock between processes that the kernel releases when its holder dies, however it dies: SQLite's file locks on an
 * empty database (Node has no flock). Many `shared` holders or one `exclusive`. The file stays; it is never written.
 */
export interface FileLock extends AsyncDisposable {
  release(): void
}

const attempt = async (path: string, mode: LockMode): Promise<FileLock | undefined> => {
  const { DatabaseSync } = await import('node:sqlite')
  mkdirSync(dirname(path), { recursive: true })
  const database: DatabaseSync = new DatabaseSync(path, { timeout: 0 })
  try {
    if (mode === 'exclusive') database.exec('BEGIN EXCLUSIVE')
    else database.exec('BEGIN; SELECT count(*) FROM sqlite_schema')
  } catch (error) {
    database.close()
    if (messageOf(error).includes('locked')) return undefined
    throw error
  }
  const release = (): void => {
    if (database.isOpen) database.close()
  }
  return { release, [Symbol.asyncDispose]: async () => release() }
}

/** Takes the lock if it is free now, else answers undefined. */
export const tryLock = async (path: string, mode: LockMode = 'exclusive'): Promise<FileLock | undefined> => attempt(path, mode)

/** Takes the lock, waiting as long as it takes. `onWait` is called once if it has to wait. */
export const lock = async (
  path: string,
  mode: LockMode = 'exclusive',
  options: Abortable & { readonly onWait?: () => void } = {},
): Promise<FileLock> => {
  for (let wait = 1, waited = false; ; wait = Math.min(wait * 2, 50)) {
    throwIfAborted(options.signal)
    const held = await attempt(path, mode)
    if (held !== undefined) return held
    if (!waited) options.onWait?.()
    waited = true
    await sleep(wait)
  }
}

/** Runs `work` while holding the lock. */
export const withLock = async <T>(path: string, mode: LockMode, work: () => Promise<T>, options?: Abortable): Promise<T> => {
  await using _held = await lock(path, mode, options)
  return await work()
}
