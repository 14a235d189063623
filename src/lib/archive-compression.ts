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
  readonly XzReadableStream: new (stream: ReadableStream) => ReadableStream<Uint8Array>
}

async function* unxz(stream: ByteStream): ByteStream {
  // its types promise an ES module, it is a CommonJS one
  const { default: xz } = (await import('xz-decompress')) as unknown as { readonly default: XzModule }
  const reader = new xz.XzReadableStream(ReadableStream.from(stream)).getReader()
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) yield step.value
  } finally {
    // it throws when it has freed its memory already, which it does at its end
    await reader.cancel().catch(() => undefined)
  }
}

/** Most bytes that one piece of bzip2 may give at once: the package does not stop for back-pressure, and 40 bytes can be 900 KB. */
const burstLimit = 256 * 1024 * 1024

async function* bunzip2(stream: ByteStream): ByteStream {
  // an old-style transform, which does its work within write() and end()
  const { default: create } = await import('unbzip2-stream')
  const transform = create()
  let failed: Error | undefined
  let output: Uint8Array[] = []
  let size = 0
  transform.on('error', (error: Error) => (failed ??= error))
  transform.on('data', (chunk: Uint8Array) => {
    output.push(chunk)
    size += chunk.length
    if (size > burstLimit)
      throw new GantryError('resource_exhausted', 'TOO_LARGE', `Cannot decompress bzip2: more than ${burstLimit} bytes at once`)
  })
  const taken = (): readonly Uint8Array[] => {
    if (failed !== undefined) throw failed
    const chunks = output
    output = []
    size = 0
    return chunks
  }
  for await (const chunk of stream) {
    transform.write(chunk)
    yield* taken()
  }
  transform.end()
  yield* taken()
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
