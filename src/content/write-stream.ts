import type { FileHandle } from 'node:fs/promises'
import { open, rm } from 'node:fs/promises'
import { GantryError, systemCode, throwIfAborted } from '../lib/errors.ts'
import type { Abortable, ByteStream } from '../lib/bytes.ts'

const batchSize = 512 * 1024

/** Batches that nobody fills just now: they are used again, since many small blobs would leave one each for the garbage collector. */
const spares: Buffer[] = []
const spareLimit = 4
const takeBatch = (): Buffer => spares.pop() ?? Buffer.allocUnsafeSlow(batchSize)
const dropBatch = (batch: Buffer | undefined): void => {
  if (batch !== undefined && spares.length < spareLimit) spares.push(batch)
}

/**
 * Writes a stream into an open file from byte `position` on; answers the number of bytes. Chunks are gathered into batches of 512 KiB
 * that a thread writes while the next one is filled and hashed, so that sha256 sets the pace and not the disk. `onChunk` sees each
 * chunk before it is kept, and may refuse it by throwing. What came before an error is in the file.
 */
export const writeStream = async (
  handle: FileHandle,
  stream: ByteStream,
  position: number,
  options: Abortable & { readonly onChunk?: (chunk: Uint8Array) => void } = {},
): Promise<number> => {
  const batches = new Batches(handle, position)
  try {
    for await (const chunk of stream) {
      throwIfAborted(options.signal)
      options.onChunk?.(chunk)
      for (let at = 0; at < chunk.length;) {
        at += batches.take(chunk, at)
        if (batches.full) await batches.write()
      }
    }
  } catch (error) {
    await batches.finish().catch(() => undefined)
    throw error
  }
  return (await batches.finish()) - position
}

class Batches {
  readonly #handle: FileHandle
  #position: number
  #filling: Buffer = takeBatch()
  #spare: Buffer | undefined
  #filled = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(handle: FileHandle, position: number) {
    this.#handle = handle
    this.#position = position
  }

  get full(): boolean {
    return this.#filled === batchSize
  }

  /** Copies what fits of the chunk from `at` on; answers how much that was. */
  take(chunk: Uint8Array, at: number): number {
    const taken = Math.min(chunk.length - at, batchSize - this.#filled)
    this.#filling.set(at === 0 && taken === chunk.length ? chunk : chunk.subarray(at, at + taken), this.#filled)
    this.#filled += taken
    return taken
  }

  /** Starts to write the batch once the one before is written. */
  async write(): Promise<void> {
    await this.#writing
    const batch = this.#filling
    const length = this.#filled
    const position = this.#position
    this.#filling = this.#spare ?? takeBatch()
    this.#spare = batch
    this.#filled = 0
    this.#position += length
    this.#writing = writeAll(this.#handle, batch.subarray(0, length), position)
    // it is awaited with the next batch; until then its failure is not unhandled
    this.#writing.catch(() => undefined)
  }

  /** Writes the rest, and lets go of the memory; answers the position behind it. */
  async finish(): Promise<number> {
    try {
      if (this.#filled > 0) await this.write()
      await this.#writing
      return this.#position
    } finally {
      dropBatch(this.#filling)
      dropBatch(this.#spare)
    }
  }
}

const writeAll = async (handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
  try {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at)
      at += bytesWritten
    }
  } catch (cause) {
    if (systemCode(cause) !== 'ENOSPC' && systemCode(cause) !== 'EDQUOT') throw cause
    throw new GantryError('resource_exhausted', 'DISK_FULL', 'Cannot write content: no space is left on the disk', { cause })
  }
}

/** Makes a new file of a stream that may not be written again; nothing is left of it after an error. Answers its size. It does not last yet. */
export const writeNewFile = async (
  path: string,
  stream: ByteStream,
  options: Parameters<typeof writeStream>[3] = {},
): Promise<number> => {
  const handle = await open(path, 'wx', 0o600)
  try {
    const size = await writeStream(handle, stream, 0, options)
    await handle.chmod(0o444)
    await handle.close()
    return size
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(path, { force: true })
    throw error
  }
}
