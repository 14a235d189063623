import { statSync, type BigIntStats } from 'node:fs'

interface Entry<T> {
  readonly stat: BigIntStats
  /** False while the file is so young that a second change could bear the same times as the first. */
  readonly settled: boolean
  readonly value: T
  readonly weight: number
  used: boolean
}

export interface StatCacheOptions<T> {
  /** What all values may weigh together, in the unit of `weigh`. */
  readonly maxWeight: number
  readonly weigh: (value: T) => number
}

/** Nanoseconds: coarser than the time stamps of any file system. */
const granularity = 1_000_000_000n

const isSame = (a: BigIntStats, b: BigIntStats): boolean =>
  a.ino === b.ino && a.ctimeNs === b.ctimeNs && a.mtimeNs === b.mtimeNs && a.size === b.size

/**
 * Values derived from files or folders, kept while stat(2) says that those are unchanged, by whichever process. Like git's
 * index, it does not trust what it read within a second of a change. The least recently used go when the weight is exceeded.
 */
export class StatCache<T> {
  readonly #options: StatCacheOptions<T>
  readonly #entries = new Map<string, Entry<T>>()
  #weight = 0

  constructor(options: StatCacheOptions<T>) {
    this.#options = options
  }

  /** The value for the path, from `load` unless known; undefined if there is nothing at the path or `load` says so. */
  async get(path: string, load: () => Promise<T | undefined>): Promise<T | undefined> {
    // Synchronous on purpose: 3 µs for a path that the kernel knows, where the thread pool costs ten times that.
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
    if (stat === undefined) {
      this.#drop(path)
      return undefined
    }
    const known = this.#entries.get(path)
    if (known !== undefined && known.settled && isSame(known.stat, stat)) {
      known.used = true
      return known.value
    }
    const settled = BigInt(Date.now()) * 1_000_000n - stat.ctimeNs > granularity
    const value = await load()
    this.#drop(path)
    if (value !== undefined) this.#keep(path, { stat, settled, value, weight: this.#options.weigh(value), used: false })
    return value
  }

  #keep(path: string, entry: Entry<T>): void {
    this.#entries.set(path, entry)
    this.#weight += entry.weight
    for (const [other, old] of this.#entries) {
      if (this.#weight <= this.#options.maxWeight) return
      this.#drop(other)
      if (!old.used || other === path) continue
      // a second chance: it goes to the end of the queue
      this.#entries.set(other, { ...old, used: false })
      this.#weight += old.weight
    }
  }

  #drop(path: string): void {
    const entry = this.#entries.get(path)
    if (entry === undefined) return
    this.#entries.delete(path)
    this.#weight -= entry.weight
  }
}
