import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import { randomHex } from '../lib/random.ts'
import { throwIfAborted } from '../lib/errors.ts'
import type { Leases } from '../lib/leases.ts'
import { lock } from '../lib/lock.ts'
import { removeTree } from '../lib/remove-tree.ts'

/**
 * A folder for work in progress that any number of processes share. Who works in it holds a lease, and what he makes begins with its
 * name: so others know when it was left behind.
 */
export class Workspace {
  readonly #folder: string
  readonly #leases: Leases
  #swept: Promise<void> | undefined

  constructor(folder: string, leases: Leases) {
    this.#folder = folder
    this.#leases = leases
  }

  /** A path in the folder that nobody else uses, for work that is run here. */
  async temporary(): Promise<string> {
    return join(this.#folder, temporaryName(await this.#leases.owner()))
  }

  /** Runs `work` under a lease. */
  async run<T>(work: () => Promise<T>, options: Abortable = {}): Promise<T> {
    throwIfAborted(options.signal)
    await using _lease = await this.#leases.take()
    await (this.#swept ??= this.sweep())
    return await work()
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

  /** Removes what killed processes left. */
  async sweep(): Promise<void> {
    // the store, if this is its first use, is nobody else's: layers hold what only their containers' root may read, and setuid programs
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    // the names first: who makes something has had his lease before. A lock's file is in nobody's way.
    const names = (await readdir(this.#folder)).filter((name) => !name.endsWith('.lock'))
    if (names.length === 0) return
    const live = await this.#leases.live()
    for (const name of names) if (!live.has(ownerOf(name))) await removeTree(join(this.#folder, name))
  }
}

/** A name for something in a workspace, by the lease of who makes it. */
export const temporaryName = (owner: string): string => `${owner}.${randomHex(8)}`

const ownerOf = (name: string): string => name.split('.')[0] ?? ''
