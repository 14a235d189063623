import { maxMatch } from './symbols.ts'

/** How far back a match may begin (RFC 1951 §3.2.5), but for one byte: so no chain runs into the place that is looked from. */
export const windowSize = 32_768
const windowMask = windowSize - 1
/** Shorter matches save next to nothing, and four bytes are compared at once. */
const minMatch = 4
const hashBits = 15
/** Bytes behind the input that are read, whatever they are, and never used. */
export const slack = 8

/** How hard the matcher looks. */
export interface Effort {
  /** Places that are compared at most for one match. */
  readonly depth: number
  /** A match of this length is not improved on. */
  readonly nice: number
  /** A match shorter than this waits for a longer one at the next byte; 0: never. */
  readonly lazy: number
  /** Literals in a row, as a power of two, after which every second byte is looked at only, and so on. */
  readonly patience: number
}

/** What a piece of input is made of: each of `count` times `runs` literals and then a match, length << 16 | distance - 1. */
export interface Sequences {
  readonly runs: Uint32Array
  readonly matches: Uint32Array
  count: number
}

/** Finds what was there before, by a table of hashes and for each place the last one before it with the same hash. */
export class Matcher {
  readonly #effort: Effort
  readonly #heads = new Int32Array(1 << hashBits)
  readonly #chain = new Int32Array(windowSize)

  constructor(effort: Effort) {
    this.#effort = effort
  }

  /** Forgets all, and remembers the bytes from `from` to `to` of another input. */
  begin(view: DataView, from: number, to: number): void {
    this.#heads.fill(-windowSize)
    for (let at = from; at < to; at++) this.#insert(view, at)
  }

  #insert(view: DataView, at: number): void {
    const hash = Math.imul(view.getUint32(at, true), 0x9e3779b1) >>> (32 - hashBits)
    this.#chain[at & windowMask] = this.#heads[hash] as number
    this.#heads[hash] = at
  }

  /**
   * Fills `found` with what is at `from` and on, to `end` or until it is full; answers where it stopped, behind the last match.
   */
  find(view: DataView, from: number, end: number, found: Sequences): number {
    const { lazy, patience } = this.#effort
    const { runs, matches } = found
    const last = end - minMatch
    let count = 0
    let literals = from
    for (let at = from; at <= last && count < runs.length;) {
      let match = this.#search(view, at, end, minMatch - 1)
      if (match === 0) {
        at += 1 + ((at - literals) >> patience)
        continue
      }
      let inserted = at + 1
      while (match >>> 16 < lazy && inserted <= last) {
        const better = this.#search(view, inserted, end, match >>> 16)
        inserted++
        if (better === 0) break
        at++
        match = better
      }
      runs[count] = at - literals
      matches[count++] = match
      at += match >>> 16
      literals = at
      for (const stop = Math.min(at, last); inserted < stop; inserted++) this.#insert(view, inserted)
    }
    found.count = count
    return count === runs.length ? literals : end
  }

  /** Remembers a place, and answers the longest match there, as in `Sequences`, if it is longer than `best`; else 0. */
  #search(view: DataView, at: number, end: number, best: number): number {
    const chain = this.#chain
    const { depth, nice } = this.#effort
    const limit = Math.min(maxMatch, end - at)
    const bytes = view.getUint32(at, true)
    const hash = Math.imul(bytes, 0x9e3779b1) >>> (32 - hashBits)
    let other = this.#heads[hash] as number
    chain[at & windowMask] = other
    this.#heads[hash] = at
    const oldest = at - windowMask
    let found = 0
    let longest = best
    // the four bytes that a longer match must have too, at its end
    let tail = view.getUint32(at + longest - 3, true)
    for (let left = depth; other >= oldest && left > 0; left--, other = chain[other & windowMask] as number) {
      if (view.getUint32(other + longest - 3, true) !== tail || view.getUint32(other, true) !== bytes) continue
      let length = minMatch
      while (length < limit) {
        const difference = view.getUint32(other + length, true) ^ view.getUint32(at + length, true)
        if (difference !== 0) {
          length += (31 - Math.clz32(difference & -difference)) >> 3
          break
        }
        length += 4
      }
      if (length > limit) length = limit
      if (length <= longest) continue
      longest = length
      found = (length << 16) | (at - other - 1)
      if (length >= nice || length === limit) break
      tail = view.getUint32(at + longest - 3, true)
    }
    return found
  }
}
