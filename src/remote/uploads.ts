import { keepVerified, verified } from '../content/verify.ts'
import { collect, type Abortable, type ByteStream } from '../lib/bytes.ts'
import { GantryError, isGantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { RepositoryContext } from './context.ts'
import { answerDetail } from './failure.ts'
import { beginUpload, cancelUpload, finishUpload, resumeUpload, sendChunk, type UploadSession } from './upload-session.ts'

/** Bytes of a chunk where the registry, or a proxy before it, does not take the blob in one request; the most that a registry may ask for. */
const chunkSize = 16 * 1024 * 1024
const maxChunkSize = 256 * 1024 * 1024

/** The bytes to upload: `open(offset)` those from there on. `once`: it can be opened one time only. */
export interface UploadSource {
  readonly open: (offset: number) => Promise<ByteStream>
  readonly once: boolean
}

/**
 * Uploads a blob in one request that streams it, or in chunks where that is too large (413). What breaks goes on from where the
 * registry says that it stopped, or from the beginning. `session` is one that the registry has begun already. Cancelled if it fails.
 */
export const uploadBlob = async (
  context: RepositoryContext,
  descriptor: Descriptor,
  source: UploadSource,
  options: Abortable & { readonly session?: UploadSession } = {},
): Promise<void> => {
  if (descriptor.size === 0) await collect(verified(await source.open(0), descriptor), 0)
  const upload = new Upload(context, descriptor, source, options)
  try {
    const retryable = (error: unknown): boolean | undefined => upload.repeatable(error)
    await context.registry.retry(async () => await upload.attempt(), {
      ...(options.signal && { signal: options.signal }),
      retryable,
    })
  } catch (error) {
    await upload.cancel()
    throw error
  }
}

/** What one attempt leaves to the next. */
class Upload {
  readonly #context: RepositoryContext
  readonly #descriptor: Descriptor
  readonly #source: UploadSource
  readonly #options: Abortable
  #session: UploadSession | undefined
  #chunked = false
  /** Bytes of the source have been read. */
  #started = false
  /** The source is used up. */
  #over = false
  #resumed = false
  #failure: unknown
  /** What the source itself failed with. */
  #sourceFailure: unknown

  constructor(
    context: RepositoryContext,
    descriptor: Descriptor,
    source: UploadSource,
    options: Abortable & { readonly session?: UploadSession },
  ) {
    this.#context = context
    this.#descriptor = descriptor
    this.#source = source
    this.#options = options.signal === undefined ? {} : { signal: options.signal }
    this.#session = options.session
  }

  async attempt(): Promise<void> {
    let session = await this.#resume()
    const { size } = this.#descriptor
    if (this.#started && this.#source.once && session?.offset !== size) {
      this.#over = true
      throw this.#failure
    }
    session ??= await beginUpload(this.#context, this.#descriptor, this.#options)
    this.#session = session
    this.#resumed = session.offset > 0
    if (this.#chunked) session = await this.#sendChunks(session)
    const rest = session.offset === size ? undefined : await this.#open(session.offset)
    await finishUpload(this.#context, this.#descriptor, session, rest, this.#options)
    this.#session = undefined
  }

  /** True and false overrule what is known of failures by chance. It changes what the next attempt will do. */
  repeatable(error: unknown): boolean | undefined {
    if (this.#over || (this.#source.once && error === this.#sourceFailure)) return false
    this.#failure = error
    const { status } = answerDetail(error)
    if (status === 413 && !this.#chunked) {
      this.#chunked = true
      return true
    }
    // another place than we thought: ask, and go on from there
    if (status === 416) return true
    const forgotten = isGantryError(error) && error.code === 'BLOB_UPLOAD_UNKNOWN'
    if (!forgotten && !(this.#resumed && isGantryError(error) && error.code === 'DIGEST_INVALID')) return undefined
    this.#session = undefined
    return true
  }

  async cancel(): Promise<void> {
    if (this.#session !== undefined) await cancelUpload(this.#context, this.#descriptor, this.#session)
    this.#session = undefined
  }

  /** The session as the registry sees it, if there is one and it can be gone on with. */
  async #resume(): Promise<UploadSession | undefined> {
    if (this.#session === undefined || !this.#started) return this.#session
    const session = await resumeUpload(this.#context, this.#descriptor, this.#session, this.#options)
    if (session === undefined) await this.cancel()
    return session
  }

  async #open(offset: number): Promise<ByteStream> {
    const stream = await this.#source.open(offset)
    return offset === 0
      ? verified(keepVerified(stream, this.#watch(stream)), this.#descriptor)
      : exactly(this.#watch(stream), this.#descriptor, offset)
  }

  async *#watch(stream: ByteStream): ByteStream {
    this.#started = true
    try {
      yield* stream
    } catch (error) {
      this.#sourceFailure = error
      throw error
    }
  }

  async #sendChunks(begun: UploadSession): Promise<UploadSession> {
    let session = begun
    if (session.offset === this.#descriptor.size) return session
    const length = Math.min(Math.max(chunkSize, session.minChunk), maxChunkSize)
    for await (const chunk of joined(await this.#open(session.offset), length)) {
      const end = session.offset + chunk.length
      session = await sendChunk(this.#context, this.#descriptor, session, chunk, this.#options)
      this.#session = session
      if (session.offset !== end)
        throw new GantryError(
          'unavailable',
          'CONNECTION_LOST',
          `Cannot upload "${this.#descriptor.digest}": the registry took part of a chunk`,
        )
    }
    return session
  }
}

/** The rest of a blob, which only the registry can verify as a whole; not one byte more or less. */
async function* exactly(stream: ByteStream, { digest, size }: Descriptor, offset: number): ByteStream {
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
async function* joined(stream: ByteStream, length: number): ByteStream {
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
