import { availableParallelism } from 'node:os'
import { crc32 } from 'node:zlib'
import type { ByteStream } from '../bytes.ts'
import { giveBack } from '../chunk-memory.ts'
import { WorkerPool } from '../worker-pool.ts'
import { workerUrl } from '../worker.ts'
import { createPieceMemory, defaultGzipLevel, Deflater, pieceOf, pieceSize, type Piece } from './deflater.ts'
import { windowSize } from './matcher.ts'

/** A piece to deflate in a worker; answered with the number of bytes it made. */
export interface DeflateJob {
  readonly memory: SharedArrayBuffer
  readonly from: number
  readonly end: number
  readonly level: number
}

/** Threads beyond this find no work: the digest of what they make is taken by one. */
const maxThreads = 8

/** The threads of `gzip()`. For any number of streams; each thread takes some 15 MiB. */
export const createDeflatePool = (size: number = Math.min(availableParallelism(), maxThreads)): DeflatePool => {
  const workers = new WorkerPool(workerUrl(import.meta.url, './deflate.worker.ts'), { size })
  return {
    size,
    deflate: async (job) => await workers.run<number>(job),
    [Symbol.asyncDispose]: async () => await workers[Symbol.asyncDispose](),
  }
}

export interface DeflatePool extends AsyncDisposable {
  readonly size: number
  readonly deflate: (job: DeflateJob) => Promise<number>
}

export interface GzipOptions {
  /** 1 (fast) to 9 (small). */
  readonly level?: number
  /** Without one, all is done in the thread of the caller. */
  readonly pool?: DeflatePool
}

/** Without time, name and system (RFC 1952 §2.3), which differ between machines; 255 is an unknown system. */
const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])
/** An empty block with the fixed codes that is the last one (RFC 1951 §3.2.6). */
const lastBlock = [3, 0]

/**
 * One gzip member whose pieces of 1 MiB are deflated side by side, as pigz does it. The bytes depend on nothing but the content and the
 * level: not on chunks, threads, the processor or the version of Node.js.
 */
export async function* gzip(stream: ByteStream, options: GzipOptions = {}): ByteStream {
  const { level = defaultGzipLevel } = options
  const pieces = new Pieces(level, options.pool)
  let checksum = 0
  let size = 0
  let head: Buffer | undefined = Buffer.from(header)
  try {
    for await (const chunk of stream) {
      // not earlier: who stops after it has to release the input, which must have been opened for that
      if (head !== undefined) yield head
      head = undefined
      checksum = crc32(chunk, checksum)
      size += chunk.length
      for (let at = 0; at < chunk.length;) {
        at += pieces.take(chunk, at)
        if (pieces.full) pieces.start()
        if (pieces.busy) yield await pieces.next()
      }
      giveBack(chunk)
    }
    if (head !== undefined) yield head
    pieces.finish()
    while (pieces.pending) yield await pieces.next()
  } finally {
    await pieces.settled()
  }
  const trailer = Buffer.alloc(10)
  trailer.set(lastBlock)
  trailer.writeUInt32LE(checksum, 2)
  trailer.writeUInt32LE(size % 2 ** 32, 6)
  yield trailer
}

interface Slot extends Piece {
  readonly memory: SharedArrayBuffer
}

interface Started {
  readonly slot: Slot
  readonly made: Promise<number>
}

const createSlot = (): Slot => {
  const memory = createPieceMemory()
  return { memory, ...pieceOf(memory) }
}

/** The pieces of one stream: one that is filled, others that are deflated. */
class Pieces {
  readonly #level: number
  readonly #pool: DeflatePool | undefined
  #deflater: Deflater | undefined
  readonly #free: Slot[] = []
  readonly #started: Started[] = []
  #slot: Slot = createSlot()
  #from = 0
  #end = 0

  constructor(level: number, pool: DeflatePool | undefined) {
    this.#level = level
    this.#pool = pool
  }

  get full(): boolean {
    return this.#end === this.#from + pieceSize
  }

  /** As many are under way as there are threads, and one that waits. */
  get busy(): boolean {
    return this.#started.length > (this.#pool?.size ?? 0)
  }

  get pending(): boolean {
    return this.#started.length > 0
  }

  /** Copies what fits of a chunk from `at` on; answers how much that was. */
  take(chunk: Uint8Array, at: number): number {
    const taken = Math.min(chunk.length - at, this.#from + pieceSize - this.#end)
    this.#slot.input.set(taken === chunk.length ? chunk : chunk.subarray(at, at + taken), this.#end)
    this.#end += taken
    return taken
  }

  /** Deflates what was taken; the next piece may point back to its end. */
  start(): void {
    const slot = this.#slot
    this.#begin(this.#pool === undefined ? this.#here() : this.#there(this.#pool))
    this.#slot = this.#free.pop() ?? createSlot()
    slot.input.copy(this.#slot.input, 0, this.#end - windowSize, this.#end)
    this.#from = windowSize
    this.#end = windowSize
  }

  /** Deflates the rest. A short stream is not worth a thread. */
  finish(): void {
    if (this.#end === this.#from) return
    this.#begin(this.#pool === undefined || this.#from === 0 ? this.#here() : this.#there(this.#pool))
  }

  /** What the oldest piece has become. */
  async next(): Promise<Buffer> {
    const oldest = this.#started.shift() as Started
    const made = await oldest.made
    const bytes = Buffer.from(oldest.slot.output.subarray(0, made))
    this.#free.push(oldest.slot)
    return bytes
  }

  /** Waits until no thread works on a piece, whatever became of it. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#started.map(({ made }) => made))
  }

  #begin(made: Promise<number>): void {
    // thrown when its turn comes
    made.catch(() => undefined)
    this.#started.push({ slot: this.#slot, made })
  }

  // oxlint-disable-next-line require-await -- so that what it throws is thrown when its turn comes
  async #here(): Promise<number> {
    this.#deflater ??= new Deflater(this.#level)
    return this.#deflater.deflate(this.#slot, this.#from, this.#end)
  }

  async #there(pool: DeflatePool): Promise<number> {
    return await pool.deflate({ memory: this.#slot.memory, from: this.#from, end: this.#end, level: this.#level })
  }
}
