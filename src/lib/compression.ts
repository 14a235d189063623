import type { Transform } from 'node:stream'
import { constants, createGzip, createZstdCompress } from 'node:zlib'
import type { ByteStream } from './bytes.ts'
import { Inflater, type Codec } from './compression-inflater.ts'

const chunkSize = 64 * 1024

/**
 * Compresses; the same bytes and level give the same result, however they are cut into chunks, for one version of Node.js. Levels:
 * gzip 1 to 9 (default 6), zstd 1 to 19 (default 3). The gzip header has no time, no name, and 255 (unknown) as its system, as Go writes it.
 */
export const compress = (stream: ByteStream, codec: Codec, options: { readonly level?: number } = {}): ByteStream => {
  if (codec === 'gzip') return neutralGzip(through(stream, createGzip({ level: options.level ?? 6, chunkSize: 2 * chunkSize })))
  const params = { [constants.ZSTD_c_compressionLevel]: options.level ?? 3, [constants.ZSTD_c_checksumFlag]: 1 }
  return through(stream, createZstdCompress({ params, chunkSize: 2 * chunkSize }))
}

/** What a compressed stream holds; all members or frames, nothing may follow them. Errors are those of `Inflater`. */
export async function* decompress(stream: ByteStream, codec: Codec): ByteStream {
  using inflater = new Inflater(codec)
  for await (const input of stream) {
    for (let at = 0, more = input.length > 0; more;) {
      const output = Buffer.allocUnsafeSlow(chunkSize)
      inflater.step(input, at, input.length, output, 0, chunkSize)
      const { taken, made } = inflater
      at += taken
      more = at < input.length || made === chunkSize
      if (made > 0) yield output.subarray(0, made)
    }
  }
  inflater.finish(Buffer.allocUnsafe(chunkSize))
}

/** The codec that the first bytes of a stream show, or undefined for anything else; four bytes are enough. */
export const detectCodec = (head: Uint8Array): Codec | undefined => {
  const [a, b, c, d] = head
  if (a === 0x1f && b === 0x8b) return 'gzip'
  const zstd = a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd
  const skippable = a !== undefined && a >> 4 === 5 && b === 0x2a && c === 0x4d && d === 0x18
  return zstd || skippable ? 'zstd' : undefined
}

// not stream.pipeline: the end must come by itself, after all bytes have been taken. Together with the last bytes it would change
// what zstd writes, and whether they come together is a matter of timing
async function* through(stream: ByteStream, transform: Transform): ByteStream {
  const write = (chunk: Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => void transform.write(chunk, (error) => (error ? reject(error) : resolve())))
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of stream) if (chunk.length > 0) await write(chunk)
      transform.end()
    } catch (error) {
      transform.destroy(error as Error)
    }
  }
  const fed = feed()
  try {
    for await (const chunk of transform) yield chunk as Uint8Array
  } finally {
    transform.destroy()
    await fed
  }
}

/** Sets the byte that names the operating system (RFC 1952 §2.3), the one thing in zlib's header that depends on the machine. */
async function* neutralGzip(stream: ByteStream): ByteStream {
  let at = 0
  for await (const chunk of stream) {
    if (at <= 9 && at + chunk.length > 9) chunk[9 - at] = 255
    at += chunk.length
    yield chunk
  }
}
