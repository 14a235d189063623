import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Abortable } from './bytes.ts'
import { randomHex } from './random.ts'
import { GantryError, systemCode } from './errors.ts'
import { lock, tryLock, withLock, type FileLock } from './lock.ts'
import { explainSystemError } from './system-error.ts'

/** What live processes say that they rely on, by lease. */
export type LiveLeases = ReadonlyMap<string, ReadonlySet<string>>

/** The lease of a process as it lies on the disk. */
interface Claim {
  readonly owner: string
  /** The file that lists what is relied on, a name a line. */
  readonly path: string
  readonly lock: FileLock
  file: number | undefined
}

/**
 * The leases of one process in a folder that many share. A lease lists the names (digests) that its holder relies on; the kernel voids
 * it with its process. Whoever wants to rely on something says so first and looks for it then; whoever collects raises a mark first
 * and reads the leases then. So either the collector reads the name, or its holder sees the mark and waits until what was to go is
 * gone before he looks. Each name costs its holder one write and one stat, some 10 µs.
 */
export class Leases {
  readonly #folder: string
  /** What each lease of this process has relied on, oldest first: one that is younger has no more than one that is older. */
  readonly #held = new Set<Set<string>>()
  /** Said, but not yet known to be safe. */
  readonly #pending = new Set<string>()
  #claim: Promise<Claim> | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Takes a lease: all that this process relies on from now on stays until it is disposed of. Only the first at a time takes a lock. */
  async take(): Promise<AsyncDisposable> {
    const relied = new Set<string>()
    this.#held.add(relied)
    try {
      await (this.#claim ??= claim(this.#folder))
    } catch (error) {
      await this.#drop(relied)
      throw error
    }
    let held = true
    const end = async (): Promise<void> => {
      if (!held) return
      held = false
      await this.#drop(relied)
    }
    return { [Symbol.asyncDispose]: end }
  }

  /** What temporary files of this process begin with, so that others know when they were left behind. Only while a lease is held. */
  async owner(): Promise<string> {
    if (this.#claim === undefined) throw new GantryError('internal', 'NO_LEASE', 'Cannot name a temporary file: no lease is held')
    return (await this.#claim).owner
  }

  /**
   * Says that the names are relied on by the leases that this process holds; nothing if it holds none. What is there once this
   * resolves stays: look afterwards.
   */
  async rely(names: readonly string[]): Promise<void> {
    const claiming = this.#claim
    const claim = await claiming
    // a lease may have ended, and another begun, meanwhile
    if (this.#claim !== claiming) return await this.rely(names)
    const [oldest] = this.#held
    if (claim === undefined || oldest === undefined) return
    const fresh = names.filter((name) => !oldest.has(name))
    this.#remember(names.filter((name) => oldest.has(name)))
    if (fresh.length === 0) return
    for (const name of fresh) this.#pending.add(name)
    append(claim, fresh)
    await this.#unlessCollected()
    this.#remember(fresh)
    for (const name of fresh) this.#pending.delete(name)
  }

  /** The leases of all live processes, this one's too. What dead ones left is removed on the way. */
  async live(): Promise<LiveLeases> {
    const own = (await this.#claim)?.owner
    const leases = new Map<string, ReadonlySet<string>>()
    for (const name of namesIn(this.#folder)) {
      const [, owner, rest] = /^([0-9a-f]{16})(.*)$/.exec(name) ?? []
      if (owner === undefined) continue
      const path = join(this.#folder, owner)
      if (rest !== '.lock') {
        // SQLite's own, or a list: left by one who was killed while he gave up his lease
        if (!existsSync(lockOf(path))) rmSync(join(this.#folder, name), { force: true })
        continue
      }
      if (owner !== own) {
        await using dead = await tryLock(lockOf(path))
        if (dead !== undefined) {
          rmSync(path, { force: true })
          rmSync(lockOf(path), { force: true })
          continue
        }
      }
      leases.set(owner, readLease(path))
    }
    return leases
  }

  /**
   * Runs `work`, which must be short, while nobody begins to rely on anything: it may take out of sight whatever neither the leases nor
   * anything that lasts names. What it reads that lasts, it has to read now: a lease that has ended may have left its names there.
   */
  async collect<T>(work: (leases: LiveLeases) => Promise<T>, options?: Abortable): Promise<T> {
    const collecting = async (): Promise<T> => {
      writeFileSync(this.#mark, '')
      try {
        return await work(await this.live())
      } finally {
        rmSync(this.#mark, { force: true })
      }
    }
    makeFolder(this.#folder)
    return await withLock(this.#gate, 'exclusive', collecting, options)
  }

  get #gate(): string {
    return join(this.#folder, 'collecting.lock')
  }

  get #mark(): string {
    return join(this.#folder, 'collecting')
  }

  async #unlessCollected(): Promise<void> {
    while (existsSync(this.#mark)) {
      await using _nobody = await lock(this.#gate, 'shared')
      // nobody collects now: a mark that is still there is a dead one's
      rmSync(this.#mark, { force: true })
    }
  }

  #remember(names: readonly string[]): void {
    for (const relied of this.#held) for (const name of names) relied.add(name)
  }

  async #drop(relied: Set<string>): Promise<void> {
    const [oldest] = this.#held
    this.#held.delete(relied)
    const [next] = this.#held
    const ended = this.#claim
    if (ended === undefined) return
    if (next === undefined) {
      this.#claim = undefined
      await ended.then(end, () => undefined)
    } else if (relied === oldest && next.size < relied.size) rewrite(await ended, [...next, ...this.#pending])
  }
}

const lockOf = (path: string): string => `${path}.lock`

const makeFolder = (folder: string): void => void mkdirSync(folder, { recursive: true, mode: 0o700 })

const claim = async (folder: string): Promise<Claim> => {
  makeFolder(folder)
  for (;;) {
    const owner = randomHex(8)
    const path = join(folder, owner)
    const held = await tryLock(lockOf(path))
    // who finds the file before it is locked takes it for a dead one's and removes it
    if (held !== undefined && existsSync(lockOf(path))) return { owner, path, lock: held, file: undefined }
    held?.release()
  }
}

const append = (claim: Claim, names: readonly string[]): void => {
  claim.file ??= openSync(claim.path, 'a', 0o600)
  try {
    writeSync(claim.file, names.map((name) => `${name}\n`).join(''))
  } catch (error) {
    throw explainSystemError(error, claim.path)
  }
}

const rewrite = (claim: Claim, names: readonly string[]): void => {
  const temporary = `${claim.path}.new`
  writeFileSync(temporary, names.map((name) => `${name}\n`).join(''), { mode: 0o600 })
  renameSync(temporary, claim.path)
  if (claim.file !== undefined) closeSync(claim.file)
  claim.file = undefined
}

const end = (claim: Claim): void => {
  if (claim.file !== undefined) closeSync(claim.file)
  rmSync(claim.path, { force: true })
  rmSync(lockOf(claim.path), { force: true })
  claim.lock.release()
}

/** A line that has not yet come whole is of one who will see the mark. */
const readLease = (path: string): ReadonlySet<string> => {
  try {
    return new Set(readFileSync(path, 'utf8').split('\n').slice(0, -1))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return new Set()
    throw error
  }
}

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
