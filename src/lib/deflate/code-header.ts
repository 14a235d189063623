import type { BitWriter } from './bit-writer.ts'
import type { PrefixCodes } from './huffman.ts'
import { distanceSymbols, literalSymbols } from './symbols.ts'

/** The order in which the lengths of the code length code are written. */
const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
const repeatBits = { 16: 2, 17: 3, 18: 7 } as Readonly<Record<number, number>>

const trimmed = (lengths: Uint8Array, least: number): number => {
  let count = lengths.length
  while (count > least && lengths[count - 1] === 0) count--
  return count
}

/** The head of a block with codes of its own: their lengths, as runs and in a code of their own (RFC 1951 §3.2.7). */
export class CodeHeader {
  readonly #prefix: PrefixCodes
  readonly #lengths = new Uint8Array(literalSymbols + distanceSymbols)
  /** Symbols of the code length code; what follows one is in `#extra`. */
  readonly #symbols = new Uint8Array(literalSymbols + distanceSymbols)
  readonly #extra = new Uint8Array(literalSymbols + distanceSymbols)
  readonly #frequencies = new Uint32Array(order.length)
  readonly #codeLengths = new Uint8Array(order.length)
  readonly #codes = new Uint16Array(order.length)
  #count = 0
  #literals = 0
  #distances = 0
  #ordered = 0

  constructor(prefix: PrefixCodes) {
    this.#prefix = prefix
  }

  /** Answers the bits that it will take, the block's first three included. */
  prepare(literals: Uint8Array, distances: Uint8Array): number {
    this.#literals = trimmed(literals, 257)
    this.#distances = trimmed(distances, 1)
    this.#lengths.set(literals.subarray(0, this.#literals))
    this.#lengths.set(distances.subarray(0, this.#distances), this.#literals)
    this.#frequencies.fill(0)
    this.#count = 0
    this.#findRuns(this.#literals + this.#distances)
    this.#prefix.lengths(this.#frequencies, 7, this.#codeLengths)
    this.#prefix.codes(this.#codeLengths, this.#codes)
    this.#ordered = order.length
    while (this.#ordered > 4 && this.#codeLengths[order[this.#ordered - 1] as number] === 0) this.#ordered--
    let bits = 3 + 14 + 3 * this.#ordered
    for (let symbol = 0; symbol < order.length; symbol++)
      bits += (this.#frequencies[symbol] as number) * ((this.#codeLengths[symbol] as number) + (repeatBits[symbol] ?? 0))
    return bits
  }

  write(out: BitWriter): void {
    out.put(this.#literals - 257, 5)
    out.put(this.#distances - 1, 5)
    out.put(this.#ordered - 4, 4)
    for (const symbol of order.slice(0, this.#ordered)) out.put(this.#codeLengths[symbol] as number, 3)
    for (let at = 0; at < this.#count; at++) {
      const symbol = this.#symbols[at] as number
      out.put(this.#codes[symbol] as number, this.#codeLengths[symbol] as number)
      if (symbol >= 16) out.put(this.#extra[at] as number, repeatBits[symbol] as number)
    }
  }

  #findRuns(count: number): void {
    for (let at = 0; at < count;) {
      const length = this.#lengths[at] as number
      let run = 1
      while (at + run < count && this.#lengths[at + run] === length) run++
      at += run
      if (length === 0) {
        for (; run >= 11; run -= Math.min(run, 138)) this.#add(18, Math.min(run, 138) - 11)
        if (run >= 3) {
          this.#add(17, run - 3)
          run = 0
        }
      } else {
        this.#add(length)
        run--
        for (; run >= 3; run -= Math.min(run, 6)) this.#add(16, Math.min(run, 6) - 3)
      }
      for (; run > 0; run--) this.#add(length)
    }
  }

  #add(symbol: number, extra = 0): void {
    this.#symbols[this.#count] = symbol
    this.#extra[this.#count++] = extra
    ;(this.#frequencies[symbol] as number)++
  }
}
