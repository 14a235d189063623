import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { tryLock, type FileLock } from '../lib/lock.ts'

const prefix = 'build-'

/**
 * A build's own folder below `parent`, gone when it is disposed of. What killed builds have left behind is removed on the way:
 * the kernel has released their locks.
 */
export class Scratch implements AsyncDisposable {
  readonly folder: string
  readonly #lock: FileLock
  #count = 0

  private constructor(folder: string, lock: FileLock) {
    this.folder = folder
    this.#lock = lock
  }

  /** `onAbandoned` is told the name of each folder that a killed build left, before that is removed. */
  static async open(parent: string, onAbandoned: (name: string) => Promise<void> = async () => undefined): Promise<Scratch> {
    await mkdir(parent, { recursive: true, mode: 0o700 })
    await sweep(parent, onAbandoned)
    for (;;) {
      const folder = join(parent, prefix + randomBytes(8).toString('hex'))
      const held = await tryLock(`${folder}.lock`)
      if (held === undefined) continue
      await mkdir(folder, { mode: 0o700 })
      return new Scratch(folder, held)
    }
  }

  /** A new empty folder in it. */
  async make(): Promise<string> {
    const path = join(this.folder, String(this.#count++))
    await mkdir(path, { mode: 0o700 })
    return path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
    await rm(`${this.folder}.lock`, { force: true })
    await this.#lock[Symbol.asyncDispose]()
  }
}

/** What the ids of the containers begin with that run in a build's folder of that name. */
export const containerPrefix = (name: string): string => `gantry-${name}-`

/** The id of the container that runs in a folder that a build's `make` has made. */
export const containerId = (folder: string): string => containerPrefix(basename(dirname(folder))) + basename(folder)

const sweep = async (parent: string, onAbandoned: (name: string) => Promise<void>): Promise<void> => {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(prefix) || !name.endsWith('.lock')) continue
    const path = join(parent, name)
    await using free = await tryLock(path)
    if (free === undefined) continue
    await onAbandoned(name.slice(0, -'.lock'.length))
    await rm(path.slice(0, -'.lock'.length), { recursive: true, force: true })
    await rm(path, { force: true })
  }
}
