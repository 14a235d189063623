import { chmod, mkdir, readdir, rm } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import { systemCode, throwIfAborted } from '../lib/errors.ts'
import { lock, tryLock, type FileLock } from '../lib/lock.ts'

const everybody = 'lock'

/**
 * A folder for work in progress that any number of processes share. Who works in it holds a shared lock that the kernel takes away
 * when he dies, so that whoever gets it alone knows that all there is was left behind.
 */
export class Workspace {
  readonly #folder: string
  #swept: Promise<boolean> | undefined
  /** One kernel lock for all that this process does here, since each takes a millisecond. */
  #holders = 0
  #held: Promise<FileLock> | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  /** A path in the folder that nobody else uses. */
  temporary(): string {
    return join(this.#folder, randomBytes(9).toString('hex'))
  }

  /** Runs `work` while nobody sweeps. */
  async run<T>(work: () => Promise<T>, options?: Abortable): Promise<T> {
    await (this.#swept ??= this.sweep())
    throwIfAborted(options?.signal)
    this.#holders++
    try {
      await (this.#held ??= lock(join(this.#folder, everybody), 'shared'))
      return await work()
    } finally {
      if (--this.#holders === 0) {
        const held = this.#held
        this.#held = undefined
        await held?.then(
          (one) => one.release(),
          () => undefined,
        )
      }
    }
  }

  /**
   * Runs `work` for one name at a time in all processes. Only saves work that would be done twice: the lock's file goes with it, and
   * one who waited for it and one who came later may hold two of the same name, so what is made must be renamed into its place.
   */
  exclusive<T>(name: string, work: () => Promise<T>, options?: Abortable): Promise<T> {
    const path = join(this.#folder, `${name}.lock`)
    return this.run(async () => {
      await using _held = await lock(path, 'exclusive', options)
      try {
        return await work()
      } finally {
        await rm(path, { force: true })
      }
    }, options)
  }

  /** Removes what killed processes left; false if somebody works here just now. */
  async sweep(): Promise<boolean> {
    // the store, if this is its first use, is nobody else's: layers hold what only their containers' root may read, and setuid programs
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const leftovers = async (): Promise<string[]> => (await readdir(this.#folder)).filter((name) => name !== everybody)
    if ((await leftovers()).length === 0) return true
    await using held = await tryLock(join(this.#folder, everybody))
    if (held === undefined) return false
    for (const name of await leftovers()) await removeTree(join(this.#folder, name))
    return true
  }
}

/** Removes a folder with all that is in it, also what a layer made unwritable; nothing there is fine. */
export const removeTree = async (path: string): Promise<void> => {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    const code = systemCode(error)
    // ENOENT: somebody else removes it too
    if (code === 'ENOENT') return
    if (code !== 'EACCES' && code !== 'EPERM') throw error
    await openFolders(path)
    await rm(path, { recursive: true, force: true })
  }
}

const openFolders = async (folder: string): Promise<void> => {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(join(folder, entry.name))
}
