import { BitWriter } from './bit-writer.ts'
import { Matcher, slack, windowSize, type Effort, type Sequences } from './matcher.ts'
import { BlockWriter, writeSync } from './write-block.ts'

/** Bytes of input that are deflated by themselves, but for what they may point back to; a thread each. */
export const pieceSize = 1 << 20
/** Codes fit what they stand for the better the shorter a block is, but each has to be written; a stored block takes no more. */
const blockSize = 65_535
const sequenceLimit = 8192

/** gzip's levels. 5 packs a little better than gzip -4. */
const efforts: readonly Effort[] = [
  { depth: 1, nice: 32, lazy: 0, patience: 6 },
  { depth: 2, nice: 32, lazy: 0, patience: 6 },
  { depth: 4, nice: 32, lazy: 0, patience: 6 },
  { depth: 4, nice: 32, lazy: 8, patience: 7 },
  { depth: 8, nice: 64, lazy: 16, patience: 7 },
  { depth: 16, nice: 128, lazy: 32, patience: 7 },
  { depth: 32, nice: 128, lazy: 64, patience: 8 },
  { depth: 128, nice: 258, lazy: 128, patience: 9 },
  { depth: 512, nice: 258, lazy: 258, patience: 10 },
]

export const defaultGzipLevel = 5
export const maxGzipLevel = efforts.length

/** One piece of a stream with room for what it becomes, in memory that threads share. */
export interface Piece {
  /** The bytes before the piece, then the piece itself from `from` to `end`. */
  readonly input: Buffer
  readonly output: Buffer
}

const inputSize = windowSize + pieceSize + slack
const outputSize = pieceSize + 4096

export const createPieceMemory = (): SharedArrayBuffer => new SharedArrayBuffer(inputSize + outputSize)

export const pieceOf = (memory: SharedArrayBuffer): Piece => ({
  input: Buffer.from(memory, 0, inputSize),
  output: Buffer.from(memory, inputSize, outputSize),
})

/**
 * Deflates (RFC 1951) in plain JavaScript, so that the same bytes give the same result with every processor and every Node.js: zlib
 * hashes with what the processor offers, and distributions bring other versions of it.
 */
export class Deflater {
  readonly #matcher: Matcher
  readonly #blocks = new BlockWriter()
  readonly #sequences: Sequences = {
    runs: new Uint32Array(sequenceLimit),
    matches: new Uint32Array(sequenceLimit),
    count: 0,
  }

  /** Level 1 (fast) to 9 (small). */
  constructor(level: number) {
    this.#matcher = new Matcher(efforts[level - 1] as Effort)
  }

  /**
   * Deflates the input's bytes from `from` to `end`, which may point back to those before them, and answers how many bytes of output
   * that made: whole bytes of blocks of which none is the last, so that pieces can be put one after the other.
   */
  deflate({ input, output }: Piece, from: number, end: number): number {
    const view = new DataView(input.buffer, input.byteOffset, input.length)
    const out = new BitWriter(output)
    this.#matcher.begin(view, Math.max(0, from - windowSize), from)
    for (let at = from; at < end;) {
      const next = this.#matcher.find(view, at, Math.min(end, at + blockSize), this.#sequences)
      this.#blocks.write(out, input, at, next, this.#sequences)
      at = next
    }
    writeSync(out)
    return out.at
  }
}
