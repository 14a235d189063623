import type { FileHandle } from 'node:fs/promises'
import type { ByteStream } from '../../lib/bytes.ts'
import type { Digester } from '../../oci/digest.ts'

/** Bytes gathered before they are written: one call for many chunks of a socket. */
const batchSize = 512 * 1024

/**
 * Writes a stream into a file from `position` on, hashing the bytes while the kernel writes them. When the stream fails, what
 * came before is written all the same; `onWritten` has then told how many bytes that were.
 */
export const appendStream = async (
  handle: FileHandle,
  position: number,
  stream: ByteStream,
  digester: Digester | undefined,
  onWritten: (bytes: number) => void,
): Promise<void> => {
  let batch: Uint8Array[] = []
  let size = 0
  let writing = Promise.resolve()
  const flush = async (): Promise<void> => {
    const chunks = batch
    const length = size
    const at = position
    position += length
    batch = []
    size = 0
    await writing
    if (length === 0) return
    writing = writeAll(handle, chunks, length, at).then(() => onWritten(length))
    // looked at by the next flush; until then it may not count as unhandled
    writing.catch(() => undefined)
    for (const chunk of chunks) digester?.update(chunk)
  }
  try {
    for await (const chunk of stream) {
      batch.push(chunk)
      size += chunk.length
      if (size >= batchSize) await flush()
    }
  } finally {
    await flush()
    await writing
  }
}

const writeAll = async (handle: FileHandle, chunks: readonly Uint8Array[], length: number, position: number): Promise<void> => {
  const { bytesWritten } = await handle.writev(chunks, position)
  if (bytesWritten === length) return
  // a short write: disks that fill up do this before they fail
  const rest = Buffer.concat(chunks, length).subarray(bytesWritten)
  await writeAll(handle, [rest], rest.length, position + bytesWritten)
}
