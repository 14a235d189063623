import { closeSync, fdatasync, openSync, write } from 'node:fs'
import { promisify } from 'node:util'
import type { RingReader } from '../lib/byte-ring.ts'
import { Inflater } from '../lib/compression-inflater.ts'
import { GantryError } from '../lib/errors.ts'
import { writeAllSync } from './synced-files.ts'

/** Inflating, hashing and parsing go piece by piece so that each finds the bytes in the processor's cache; writing is done in large blocks. */
const pieceSize = 256 * 1024
const blockSize = 512 * 1024
/** Bytes after which the disk is set to work, so that little is left to wait for in the end. */
const flushSize = 32 * 1024 * 1024

/** Blocks of layers that are done: only a garbage collection would free them. */
const spares: Buffer[] = []

/** A layer's tar on its way to the disk. */
export class TarFile {
  readonly #fd: number
  readonly #limit: number
  readonly #see: (piece: Uint8Array) => void
  #flushed = 0
  #flushing: Promise<void> | undefined
  #writing: Promise<void> = Promise.resolve()
  #written = 0
  /** Bytes of the tar so far. */
  size = 0

  /** A new file of at most `limit` bytes; `see` is called with each piece of it before it is written. */
  constructor(path: string, limit: number, see: (piece: Uint8Array) => void) {
    this.#fd = openSync(path, 'wx', 0o644)
    this.#limit = limit
    this.#see = see
  }

  async copy(ring: RingReader): Promise<void> {
    while (ring.next(blockSize)) {
      for (let at = ring.from; at < ring.to; at += pieceSize)
        this.#take(ring.data.subarray(at, Math.min(at + pieceSize, ring.to)))
      writeAllSync(this.#fd, ring.data, ring.from, ring.to)
      ring.release()
      await this.#flush()
    }
  }

  async inflate(ring: RingReader, codec: 'gzip' | 'zstd'): Promise<void> {
    using inflater = new Inflater(codec)
    let block = spares.pop() ?? Buffer.allocUnsafeSlow(blockSize)
    let other = spares.pop() ?? Buffer.allocUnsafeSlow(blockSize)
    let filled = 0
    while (ring.next(blockSize)) {
      let full = false
      for (let at = ring.from; at < ring.to || full;) {
        const limit = Math.min(filled + pieceSize, blockSize)
        inflater.step(ring.data, at, ring.to, block, filled, limit)
        at += inflater.taken
        const end = filled + inflater.made
        this.#take(block.subarray(filled, end))
        full = end === limit
        filled = end
        if (filled === blockSize) {
          await this.#write(block, filled)
          ;[block, other] = [other, block]
          filled = 0
          await this.#flush()
        }
      }
      ring.release()
    }
    await this.#write(block, filled)
    inflater.finish(other)
    await this.#writing
    spares.push(block, other)
  }

  /** Waits for what is under way, and closes the file. */
  async close(): Promise<void> {
    try {
      await this.#writing
      await this.#flushing
    } finally {
      closeSync(this.#fd)
    }
  }

  #take(piece: Uint8Array): void {
    this.size += piece.length
    if (this.size > this.#limit) throw tooLarge(this.#limit)
    this.#see(piece)
  }

  /** Starts to write a block on the thread pool, once the one before is written: then that one may be filled again. */
  async #write(block: Buffer, length: number): Promise<void> {
    await this.#writing
    const position = this.#written
    this.#written += length
    this.#writing = writeAll(this.#fd, block, length, position)
    // it is awaited with the next block; until then its failure is not unhandled
    this.#writing.catch(() => undefined)
  }

  /** Starts to write back what is in the page cache, on the thread pool, once the last such call is done. */
  async #flush(): Promise<void> {
    if (this.size - this.#flushed < flushSize) return
    this.#flushed = this.size
    await this.#flushing
    this.#flushing = datasync(this.#fd)
    this.#flushing.catch(() => undefined)
  }
}

const writeBytes = promisify(write)
const datasync = promisify(fdatasync)

const writeAll = async (fd: number, bytes: Uint8Array, length: number, position: number): Promise<void> => {
  for (let at = 0; at < length;) at += (await writeBytes(fd, bytes, at, length - at, position + at)).bytesWritten
}

const tooLarge = (limit: number): GantryError =>
  new GantryError('resource_exhausted', 'LAYER_TOO_LARGE', `Cannot add the layer: its tar has more than ${limit} bytes`)
