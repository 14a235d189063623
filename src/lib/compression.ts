import type { Transform } from 'node:stream'
import { constants, createZstdCompress } from 'node:zlib'
import type { ByteStream } from './bytes.ts'
import { ownMemory } from './chunk-memory.ts'
import { Inflater, type Codec } from './compression-inflater.ts'
import { defaultGzipLevel, maxGzipLevel } from './deflate/deflater.ts'
import { gzip, type DeflatePool } from './deflate/gzip.ts'
import { GantryError } from './errors.ts'

const chunkSize = 64 * 1024

export interface CompressOptions {
  /** See `compressionLevels`. */
  readonly level?: number
  /** Threads for gzip; without them it is done in this one. zstd has one of Node.js's own for each stream. */
  readonly pool?: DeflatePool
}

/** The levels from 1 (fast) to `most` (small), and the one that is taken where none is asked for. */
export const compressionLevels = {
  gzip: { most: maxGzipLevel, usual: defaultGzipLevel },
  zstd: { most: 19, usual: 3 },
} as const satisfies Readonly<Record<Codec, object>>

/**
 * Compresses; the same bytes and level give the same result, however they are cut into chunks. For gzip with every machine and every
 * version of Node.js, for zstd with the version of libzstd that Node.js brings. `invalid_argument` LEVEL_INVALID for no such level.
 */
export const compress = (stream: ByteStream, codec: Codec, options: CompressOptions = {}): ByteStream => {
  const { most, usual } = compressionLevels[codec]
  const { level = usual, pool } = options
  if (!Number.isInteger(level) || level < 1 || level > most)
    throw new GantryError(
      'invalid_argument',
      'LEVEL_INVALID',
      `Cannot compress with ${codec} at level ${level}: it has 1 to ${most}`,
    )
  if (codec === 'gzip') return gzip(stream, pool === undefined ? { level } : { level, pool })
  const params = { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 }
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
      if (made > 0) yield ownMemory(output.subarray(0, made))
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
