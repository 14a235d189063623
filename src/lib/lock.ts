import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DatabaseSync } from 'node:sqlite'
import { GantryError, messageOf, throwIfAborted } from './errors.ts'
import type { Abortable } from './bytes.ts'

export type LockMode = 'shared' | 'exclusive'

/**
 * A lock between processes that the kernel releases when its holder dies, however it dies: SQLite's file locks on an
 * empty database (Node has no flock). Many `shared` holders or one `exclusive`. The file stays; it is never written.
 */
export interface FileLock extends AsyncDisposable {
  release(): void
}

const lockError = (path: string, cause: unknown): GantryError =>
  new GantryError('failed_precondition', 'LOCK_FAILED', `Cannot lock "${path}": ${messageOf(cause)}`, {
    cause,
    hint: 'check that the folder can be written to, and that its disk has room',
  })

const open = (Database: typeof DatabaseSync, path: string): DatabaseSync => {
  try {
    return new Database(path, { timeout: 0 })
  } catch (error) {
    throw lockError(path, error)
  }
}

const attempt = async (path: string, mode: LockMode): Promise<FileLock | undefined> => {
  const { DatabaseSync } = await import('node:sqlite')
  mkdirSync(dirname(path), { recursive: true })
  const database = open(DatabaseSync, path)
  try {
    // else a journal lies beside the lock, and stays there when its holder is killed
    database.exec('PRAGMA journal_mode = MEMORY')
    if (mode === 'exclusive') database.exec('BEGIN EXCLUSIVE')
    else database.exec('BEGIN; SELECT count(*) FROM sqlite_schema')
  } catch (error) {
    database.close()
    if (messageOf(error).includes('locked')) return undefined
    throw lockError(path, error)
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
