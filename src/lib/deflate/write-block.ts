import type { BitWriter } from './bit-writer.ts'
import { CodeHeader } from './code-header.ts'
import { PrefixCodes } from './huffman.ts'
import type { Sequences } from './matcher.ts'
import {
  distanceExtra,
  distanceSlots,
  distanceStart,
  distanceSymbols,
  endOfBlock,
  lengthExtra,
  lengthSlot,
  lengthStart,
  literalSymbols,
  maxMatch,
} from './symbols.ts'

/** Short enough that two literals, or a distance with its extra bits, go into 31 bits with 7 that wait. */
const literalLimit = 12
const distanceLimit = 11
const storedLimit = 65_535

const alphabet = (symbols: number) => ({
  frequencies: new Uint32Array(symbols),
  lengths: new Uint8Array(symbols),
  codes: new Uint16Array(symbols),
})

type Alphabet = ReturnType<typeof alphabet>

/** Bits that an alphabet's symbols take, as often as they occur. */
const cost = ({ frequencies, lengths }: Alphabet, extra: (symbol: number) => number): number => {
  let bits = 0
  for (let symbol = 0; symbol < lengths.length; symbol++)
    bits += (frequencies[symbol] as number) * ((lengths[symbol] as number) + extra(symbol))
  return bits
}

/** Writes blocks of deflate data; reused, since its tables are larger than a small block. */
export class BlockWriter {
  readonly #literals = alphabet(literalSymbols)
  readonly #distances = alphabet(distanceSymbols)
  readonly #prefix = new PrefixCodes()
  readonly #header = new CodeHeader(this.#prefix)
  /** Code and extra bits of each match length together, and how many bits that is. */
  readonly #matchCodes = new Uint32Array(maxMatch + 1)
  readonly #matchBits = new Uint8Array(maxMatch + 1)

  /** The bytes from `from` to `end`, which the sequences and literals behind them stand for, as the block of the kind that is smallest. */
  write(out: BitWriter, input: Buffer, from: number, end: number, sequences: Sequences): void {
    this.#count(input, from, end, sequences)
    this.#build(this.#literals, literalLimit)
    this.#build(this.#distances, distanceLimit)
    const header = this.#header.prepare(this.#literals.lengths, this.#distances.lengths)
    const bits =
      header +
      cost(this.#literals, (symbol) => (symbol > endOfBlock ? (lengthExtra[symbol - 257] as number) : 0)) +
      cost(this.#distances, (symbol) => distanceExtra[symbol] as number)
    if (bits >= (end - from + 5) * 8) return writeStored(out, input, from, end)
    out.put(0b100, 3)
    this.#header.write(out)
    this.#prepareMatches()
    this.#put(out, input, from, end, sequences)
  }

  #count(input: Buffer, from: number, end: number, { runs, matches, count }: Sequences): void {
    const literals = this.#literals.frequencies.fill(0)
    const distances = this.#distances.frequencies.fill(0)
    let at = from
    for (let index = 0; index < count; index++) {
      for (const stop = at + (runs[index] as number); at < stop; at++) (literals[input[at] as number] as number)++
      const match = matches[index] as number
      const length = match >>> 16
      ;(literals[257 + (lengthSlot[length] as number)] as number)++
      const back = match & 0xffff
      ;(distances[distanceSlots[back < 256 ? back : 256 + (back >> 7)] as number] as number)++
      at += length
    }
    for (; at < end; at++) (literals[input[at] as number] as number)++
    literals[endOfBlock] = 1
  }

  #build({ frequencies, lengths, codes }: Alphabet, limit: number): void {
    this.#prefix.lengths(frequencies, limit, lengths)
    this.#prefix.codes(lengths, codes)
  }

  #prepareMatches(): void {
    const { codes, lengths } = this.#literals
    for (let length = 3; length <= maxMatch; length++) {
      const slot = lengthSlot[length] as number
      const bits = lengths[257 + slot] as number
      this.#matchCodes[length] = (codes[257 + slot] as number) | ((length - (lengthStart[slot] as number)) << bits)
      this.#matchBits[length] = bits + (lengthExtra[slot] as number)
    }
  }

  /** The symbols; with the writer's state in variables of its own, since this is where the time goes. */
  #put(out: BitWriter, input: Buffer, from: number, end: number, { runs, matches, count }: Sequences): void {
    const { view } = out
    const { codes, lengths } = this.#literals
    const { codes: distanceCodes, lengths: distanceLengths } = this.#distances
    const matchCodes = this.#matchCodes
    const matchBits = this.#matchBits
    let to = out.at
    let pending = out.pending
    let bits = out.count
    let at = from
    for (let index = 0; index <= count; index++) {
      const stop = index < count ? at + (runs[index] as number) : end
      for (; at < stop - 1; at += 2) {
        const first = input[at] as number
        const second = input[at + 1] as number
        pending |= (codes[first] as number) << bits
        bits += lengths[first] as number
        pending |= (codes[second] as number) << bits
        bits += lengths[second] as number
        view.setUint32(to, pending, true)
        to += bits >> 3
        pending >>>= bits & 24
        bits &= 7
      }
      if (at < stop) {
        const only = input[at++] as number
        pending |= (codes[only] as number) << bits
        bits += lengths[only] as number
        view.setUint32(to, pending, true)
        to += bits >> 3
        pending >>>= bits & 24
        bits &= 7
      }
      if (index === count) break
      const match = matches[index] as number
      const length = match >>> 16
      pending |= (matchCodes[length] as number) << bits
      bits += matchBits[length] as number
      view.setUint32(to, pending, true)
      to += bits >> 3
      pending >>>= bits & 24
      bits &= 7
      const back = match & 0xffff
      const slot = distanceSlots[back < 256 ? back : 256 + (back >> 7)] as number
      pending |= (distanceCodes[slot] as number) << bits
      bits += distanceLengths[slot] as number
      pending |= (back - (distanceStart[slot] as number)) << bits
      bits += distanceExtra[slot] as number
      view.setUint32(to, pending, true)
      to += bits >> 3
      pending >>>= bits & 24
      bits &= 7
      at += length
    }
    out.at = to
    out.pending = pending
    out.count = bits
    out.put(codes[endOfBlock] as number, lengths[endOfBlock] as number)
  }
}

/** Stored blocks (RFC 1951 §3.2.4); none for no bytes. */
const writeStored = (out: BitWriter, input: Buffer, from: number, end: number): void => {
  for (let at = from; at < end; at += storedLimit) {
    const size = Math.min(storedLimit, end - at)
    out.put(0, 3)
    out.align()
    out.put(size, 16)
    out.put(size ^ 0xffff, 16)
    out.copy(input.subarray(at, at + size))
  }
}

/** An empty stored block: all before it can be inflated, and what follows begins with a byte (RFC 1951 §3.2.4). */
export const writeSync = (out: BitWriter): void => {
  out.put(0, 3)
  out.align()
  out.put(0, 16)
  out.put(0xffff, 16)
}
