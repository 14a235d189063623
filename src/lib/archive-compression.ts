import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import type { ByteStream } from './bytes.ts'
import { decompress, detectCodec } from './compression.ts'
import { GantryError, isGantryError } from './errors.ts'

/** How a whole archive that a user brings may be compressed. */
export type ArchiveCodec = 'gzip' | 'zstd' | 'xz' | 'bzip2'

/** Bytes that detectArchiveCodec() wants to see. */
export const archiveHeadSize = 6

/** The codec that the first bytes of a file show, whatever its name; undefined for anything else. */
export const detectArchiveCodec = (head: Uint8Array): ArchiveCodec | undefined => {
  const text = Buffer.from(head.subarray(0, archiveHeadSize)).toString('latin1')
  if (text === '\xfd7zXZ\0') return 'xz'
  if (/^BZh[1-9]/.test(text)) return 'bzip2'
  return detectCodec(head)
}

/** What a compressed archive holds. xz and bzip2 are loaded when they are needed. Damage is a `data_loss` error. */
export const decompressArchive = (stream: ByteStream, codec: ArchiveCodec): ByteStream => {
  if (codec === 'xz' || codec === 'bzip2') return guarded(codec === 'xz' ? unxz(stream) : bunzip2(stream), codec)
  return decompress(stream, codec)
}

/** The stream's bytes, decompressed if its first bytes say that they are compressed. */
export const decompressDetected = async (stream: ByteStream): Promise<ByteStream> => {
  const { head, whole } = await peek(stream, archiveHeadSize)
  const codec = detectArchiveCodec(head)
  return codec === undefined ? whole : decompressArchive(whole, codec)
}

/** The first bytes of a stream, at least `count` if it has them, and a stream of all. */
const peek = async (stream: ByteStream, count: number): Promise<{ readonly head: Buffer; readonly whole: ByteStream }> => {
  const chunks = stream[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  while (head.length < count) {
    const step = await chunks.next()
    if (step.done === true) break
    head = Buffer.concat([head, step.value])
  }
  async function* whole(): ByteStream {
    try {
      if (head.length > 0) yield head
      yield* { [Symbol.asyncIterator]: () => chunks }
    } finally {
      await chunks.return?.()
    }
  }
  return { head, whole: whole() }
}

interface XzModule {
  readonly XzReadableStream: new (stream: ReadableStream) => AsyncIterable<Uint8Array>
}

async function* unxz(stream: ByteStream): ByteStream {
  // its types promise an ES module, it is a CommonJS one
  const { default: xz } = (await import('xz-decompress')) as unknown as { readonly default: XzModule }
  yield* new xz.XzReadableStream(ReadableStream.from(stream))
}

async function* bunzip2(stream: ByteStream): ByteStream {
  const { default: create } = await import('unbzip2-stream')
  const transform = create()
  const source = Readable.from(stream, { objectMode: false })
  source.on('error', (error) => transform.emit('error', error))
  const wrapped = new Readable().wrap(source.pipe(transform))
  try {
    yield* wrapped as AsyncIterable<Uint8Array>
  } finally {
    source.destroy()
    wrapped.destroy()
  }
}

async function* guarded(stream: ByteStream, codec: ArchiveCodec): ByteStream {
  try {
    yield* stream
  } catch (cause) {
    if (isGantryError(cause)) throw cause
    throw new GantryError('data_loss', 'COMPRESSION_INVALID', `Cannot decompress ${codec}: it is damaged or ends too early`, {
      cause,
    })
  }
}
