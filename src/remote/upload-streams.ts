import type { ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'

/** The rest of a blob, which only the registry can verify as a whole; not one byte more or less. */
export async function* exactly(stream: ByteStream, { digest, size }: Descriptor, offset: number): ByteStream {
  let seen = offset
  const mismatch = (reason: string): GantryError =>
    new GantryError('data_loss', 'SIZE_MISMATCH', `Cannot upload "${digest}": ${reason}`)
  for await (const chunk of stream) {
    seen += chunk.length
    if (seen > size) throw mismatch(`it has more than the ${size} bytes that its descriptor says`)
    yield chunk
  }
  if (seen < size) throw mismatch(`it ended after ${seen} of ${size} bytes`)
}

/** The same bytes in pieces of `length`, but for the last. That one waits for the end of the stream, which may be a failed check. */
export async function* joined(stream: ByteStream, length: number): ByteStream {
  let parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    let rest = chunk
    while (size + rest.length > length) {
      const piece = rest.subarray(0, length - size)
      yield Buffer.concat([...parts, piece])
      parts = []
      size = 0
      rest = rest.subarray(piece.length)
    }
    parts.push(rest)
    size += rest.length
  }
  if (size > 0) yield Buffer.concat(parts)
}
