import { keepVerified, verified } from '../content/verify.ts'
import type { Abortable, ByteStream } from '../lib/bytes.ts'
import { GantryError, isGantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { RepositoryContext } from './context.ts'
import { answerDetail } from './failure.ts'
import { exactly, joined } from './upload-streams.ts'
import type { UploadClaim } from './upload-journal.ts'
import { beginUpload, cancelUpload, finishUpload, resumeUpload, sendChunk, type UploadSession } from './upload-session.ts'

/**
 * Bytes up to which a blob is sent with the request that ends its upload. Registries need not keep what has come of such a request
 * when it breaks, so larger ones are sent before, at the price of one request more.
 */
export const streamedSize = 4 * 1024 * 1024
/** Bytes of a chunk where the registry, or a proxy before it, does not take the blob in one request; the most that a registry may ask for. */
const chunkSize = 16 * 1024 * 1024
const maxChunkSize = 256 * 1024 * 1024

/** The bytes to upload: `open(offset)` those from there on. `once`: it can be opened one time only. */
export interface UploadSource {
  readonly open: (offset: number) => Promise<ByteStream>
  readonly once: boolean
}

export interface UploadOptions extends Abortable {
  /** An upload that the registry has begun already. */
  readonly session?: UploadSession
  /** Where an earlier process may have left one, and we leave ours. */
  readonly claim?: UploadClaim
}

/** The upload of one blob, attempt by attempt: what one attempt leaves to the next. */
export class Upload {
  readonly #context: RepositoryContext
  readonly #descriptor: Descriptor
  readonly #source: UploadSource
  readonly #options: Abortable
  readonly #claim: UploadClaim | undefined
  #session: UploadSession | undefined
  /** How bytes are sent. */
  #way: 'single' | 'stream' | 'chunks'
  /** Bytes of the source have been read. */
  #started = false
  /** The source is used up. */
  #over = false
  #resumed = false
  /** Bytes that the registry had, at the last attempt and when there was last said to be progress. */
  #reached = 0
  #mark = 0
  #failure: unknown
  /** What the source itself failed with. */
  #sourceFailure: unknown
  /** Bytes of the blob that have been sent, those of earlier processes included. */
  sent = 0

  constructor(context: RepositoryContext, descriptor: Descriptor, source: UploadSource, options: UploadOptions) {
    this.#context = context
    this.#descriptor = descriptor
    this.#source = source
    this.#options = options.signal === undefined ? {} : { signal: options.signal }
    this.#session = options.session
    this.#claim = options.claim
    this.#way = descriptor.size > streamedSize ? 'stream' : 'single'
  }

  async attempt(): Promise<void> {
    let session = this.#started ? await this.#resume() : await this.#found()
    const { size } = this.#descriptor
    if (this.#started && this.#source.once && session?.offset !== size) {
      this.#over = true
      throw this.#failure
    }
    session ??= await this.#begin()
    this.#session = session
    this.#resumed = session.offset > 0
    this.#reached = session.offset
    if (this.#way === 'chunks') session = await this.#sendChunks(session)
    if (this.#way === 'stream') session = await this.#sendStream(session)
    const rest = session.offset === size ? undefined : await this.#open(session.offset)
    await finishUpload(this.#context, this.#descriptor, session, rest, this.#options)
    this.#session = undefined
  }

  /** True and false overrule what is known of failures by chance. It changes what the next attempt will do. */
  repeatable(error: unknown): boolean | undefined {
    if (this.#over || (this.#source.once && error === this.#sourceFailure)) return false
    this.#failure = error
    const { status } = answerDetail(error)
    if (status === 413 && this.#way !== 'chunks') {
      this.#way = 'chunks'
      return true
    }
    if ((status === 405 || status === 501) && this.#way === 'stream' && !this.#source.once) {
      this.#way = 'single'
      return true
    }
    // another place than we thought: ask, and go on from there
    if (status === 416) return true
    const forgotten = isGantryError(error) && error.code === 'BLOB_UPLOAD_UNKNOWN'
    if (!forgotten && !(this.#resumed && isGantryError(error) && error.code === 'DIGEST_INVALID')) return undefined
    this.#session = undefined
    return true
  }

  /** True if the registry has kept more of it than when this was last asked. */
  progressed(): boolean {
    const further = this.#reached > this.#mark
    this.#mark = Math.max(this.#mark, this.#reached)
    return further
  }

  async cancel(): Promise<void> {
    if (this.#session !== undefined) await cancelUpload(this.#context, this.#descriptor, this.#session)
    this.#session = undefined
  }

  /** The session as the registry sees it, if there is one and it can be gone on with. */
  async #resume(): Promise<UploadSession | undefined> {
    if (this.#session === undefined) return undefined
    const session = await resumeUpload(this.#context, this.#descriptor, this.#session, this.#options)
    if (session === undefined) await this.cancel()
    return session
  }

  /** What there is to go on with at first: an upload that an earlier process left, or the one that was begun for us. */
  async #found(): Promise<UploadSession | undefined> {
    const kept = await this.#claim?.read()
    if (kept === undefined) {
      if (this.#session !== undefined) await this.#keep(this.#session)
      return this.#session
    }
    const left: UploadSession = { url: new URL(kept.location), offset: 0, minChunk: kept.minChunk }
    const session = await resumeUpload(this.#context, this.#descriptor, left, this.#options).catch((error: unknown) => {
      // a location that has expired may be refused in any way
      if (isGantryError(error, 'unavailable') || isGantryError(error, 'canceled')) throw error
      return undefined
    })
    if (session === undefined) {
      await this.#claim?.clear()
      return this.#session
    }
    await this.cancel()
    return session
  }

  async #begin(): Promise<UploadSession> {
    const session = await beginUpload(this.#context, this.#descriptor, this.#options)
    await this.#keep(session)
    return session
  }

  async #keep({ url, minChunk }: UploadSession): Promise<void> {
    await this.#claim?.write({ location: url.href, minChunk })
  }

  async #open(offset: number): Promise<ByteStream> {
    this.sent = offset
    const stream = await this.#source.open(offset)
    return offset === 0
      ? verified(keepVerified(stream, this.#watch(stream)), this.#descriptor)
      : exactly(this.#watch(stream), this.#descriptor, offset)
  }

  async *#watch(stream: ByteStream): ByteStream {
    this.#started = true
    try {
      for await (const chunk of stream) {
        yield chunk
        this.sent += chunk.length
      }
    } catch (error) {
      this.#sourceFailure = error
      throw error
    }
  }

  /** Sends all that the session lacks. */
  async #sendStream(begun: UploadSession): Promise<UploadSession> {
    const { offset } = begun
    const length = this.#descriptor.size - offset
    if (length === 0) return begun
    const stream = await this.#open(offset)
    return this.#accepted(
      await sendChunk(this.#context, this.#descriptor, begun, { stream, length }, this.#options),
      offset + length,
    )
  }

  async #sendChunks(begun: UploadSession): Promise<UploadSession> {
    let session = begun
    if (session.offset === this.#descriptor.size) return session
    const length = Math.min(Math.max(chunkSize, session.minChunk), maxChunkSize)
    for await (const chunk of joined(await this.#open(session.offset), length)) {
      const end = session.offset + chunk.length
      session = this.#accepted(await sendChunk(this.#context, this.#descriptor, session, chunk, this.#options), end)
      await this.#keep(session)
    }
    return session
  }

  #accepted(session: UploadSession, end: number): UploadSession {
    this.#session = session
    if (session.offset === end) return session
    throw new GantryError(
      'unavailable',
      'CONNECTION_LOST',
      `Cannot upload "${this.#descriptor.digest}": the registry took part of a chunk`,
    )
  }
}
