import { Readable, type Transform } from 'node:stream'
import type { ByteStream } from '../bytes.ts'
import { GantryError } from '../errors.ts'
import type { HttpResponse } from './client.ts'

const decoderOf = async (coding: string): Promise<Transform | undefined> => {
  const { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } = await import('node:zlib')
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip()
  if (coding === 'deflate') return createInflate()
  if (coding === 'br') return createBrotliDecompress()
  return coding === 'zstd' ? createZstdDecompress() : undefined
}

/** True if the body is packed (RFC 9110 §8.4). */
export const isEncoded = (response: HttpResponse): boolean =>
  !/^(?:\s*identity)?\s*$/i.test(response.header('content-encoding') ?? '')

/**
 * The body as it was before a server or a proxy packed it, asked to or not. For answers that are read with a limit: a small body
 * may unpack to a large one. What cannot be unpacked is an `unavailable` error.
 */
export async function* decoded(response: HttpResponse): ByteStream {
  if (!isEncoded(response)) {
    yield* response.body
    return
  }
  const coding = (response.header('content-encoding') ?? '').trim().toLowerCase()
  const fail = (reason: string, cause?: unknown): GantryError =>
    new GantryError('unavailable', 'ENCODING_INVALID', `Cannot read the answer of "${response.url.host}": ${reason}`, { cause })
  const decoder = await decoderOf(coding)
  if (decoder === undefined) {
    response.discard()
    throw fail('it is packed in a way that was not asked for')
  }
  let failure: unknown
  const source = async function* (): ByteStream {
    try {
      yield* response.body
    } catch (error) {
      failure = error
      throw error
    }
  }
  const packed = Readable.from(source(), { objectMode: false })
  packed.once('error', (error) => decoder.destroy(error))
  try {
    yield* packed.pipe(decoder) as ByteStream
  } catch (cause) {
    throw failure ?? fail('it is damaged', cause)
  } finally {
    packed.destroy()
    decoder.destroy()
  }
}
