import { isUtf8 } from 'node:buffer'
import { GantryError } from './errors.ts'

/** Bytes that flow: chunks of any size, read once. Returning early (`break`) releases what is behind it. */
export type ByteStream = AsyncIterable<Uint8Array>

/** The last parameter of whatever can take long. */
export interface Abortable {
  readonly signal?: AbortSignal
}

/** A stream of one chunk. */
// oxlint-disable-next-line require-await
export async function* streamOf(...chunks: readonly Uint8Array[]): ByteStream {
  yield* chunks
}

/** The whole stream in one buffer; more than `limit` bytes is a `resource_exhausted` error. `what` names it in that error. */
export const collect = async (stream: ByteStream, limit: number, what = 'the data'): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stream) {
    size += chunk.length
    if (size > limit)
      throw new GantryError('resource_exhausted', 'TOO_LARGE', `Cannot read ${what}: it has more than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

/** Text of bytes that must be UTF-8, without a byte order mark. As a strict TextDecoder does, which takes longer to load. */
const decode = (bytes: Uint8Array): string => {
  if (!isUtf8(bytes)) throw new TypeError('it is not UTF-8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/** JSON of untrusted bytes, as `unknown`; a syntax error or invalid UTF-8 is an `invalid_argument` error. `what` names it in that error. */
export const parseJson = (bytes: Uint8Array | string, what: string): unknown => {
  try {
    return JSON.parse(typeof bytes === 'string' ? bytes : decode(bytes))
  } catch (cause) {
    throw new GantryError('invalid_argument', 'JSON_INVALID', `Cannot parse ${what}: it is not valid JSON`, { cause })
  }
}
