import type { ByteStream } from '../../lib/bytes.ts'

const size = 256 * 1024

/** The same bytes in large chunks: what takes them pays for each chunk, and a tar of small files has very many. */
export async function* batched(stream: ByteStream): ByteStream {
  let batch = Buffer.allocUnsafeSlow(size)
  let filled = 0
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(chunk.length - at, size - filled)
      batch.set(chunk.subarray(at, at + count), filled)
      at += count
      filled += count
      if (filled < size) continue
      yield batch
      // the one before belongs to whoever took it
      batch = Buffer.allocUnsafeSlow(size)
      filled = 0
    }
  }
  if (filled > 0) yield batch.subarray(0, filled)
}
