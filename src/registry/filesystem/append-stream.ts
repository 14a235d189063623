import type { FileHandle } from 'node:fs/promises'
import type { ByteStream } from '../../lib/bytes.ts'
import type { Digester } from '../../oci/digest.ts'

export interface AppendOptions {
  /** Where in the file the first byte goes. */
  readonly position: number
  /** Bytes gathered before they are written: one call for many chunks of a socket. */
  readonly batchSize: number
  readonly digester?: Digester | undefined
}

export interface Appended {
  /** Bytes that were written, and hashed. */
  readonly written: number
  /** Why the stream ended early, if it did. */
  readonly failure?: { readonly error: unknown }
}

/**
 * Writes a stream into a file, hashing the bytes while the kernel writes them. When the stream fails, what came before is written
 * all the same. Throws only when writing fails; then the digester may have seen more than the file.
 */
export const appendStream = async (handle: FileHandle, stream: ByteStream, options: AppendOptions): Promise<Appended> => {
  const { batchSize, digester } = options
  let { position } = options
  let batch: Uint8Array[] = []
  let size = 0
  let writing = Promise.resolve()
  const flush = async (): Promise<void> => {
    const [chunks, length, at] = [batch, size, position]
    position += length
    batch = []
    size = 0
    await writing
    writing = writeAll(handle, chunks, length, at)
    // looked at by the next flush; until then it may not count as unhandled
    writing.catch(() => undefined)
    for (const chunk of chunks) digester?.update(chunk)
  }
  const finish = async (): Promise<number> => {
    await flush()
    await writing
    return position - options.position
  }
  const chunks = stream[Symbol.asyncIterator]()
  for (;;) {
    let step: IteratorResult<Uint8Array, unknown>
    try {
      step = await chunks.next()
    } catch (error) {
      return { written: await finish(), failure: { error } }
    }
    if (step.done === true) return { written: await finish() }
    batch.push(step.value)
    size += step.value.length
    if (size >= batchSize) await flush()
  }
}

const writeAll = async (handle: FileHandle, chunks: readonly Uint8Array[], length: number, position: number): Promise<void> => {
  if (length === 0) return
  const { bytesWritten } = await handle.writev(chunks, position)
  if (bytesWritten === length) return
  // a short write: disks that fill up do this before they fail
  const rest = Buffer.concat(chunks, length).subarray(bytesWritten)
  await writeAll(handle, [rest], rest.length, position + bytesWritten)
}
