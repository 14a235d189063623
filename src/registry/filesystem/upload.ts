import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { GantryError, systemCode, throwIfAborted } from '../../lib/errors.ts'
import { readFileStream } from '../../content/file-stream.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { createDigester, digestAlgorithm, type Digest, type DigestAlgorithm, type Digester } from '../../oci/digest.ts'
import type { Upload } from '../interfaces.ts'
import { appendStream } from './append-stream.ts'
import { endOfParts, partPath, readParts, unknownUpload, type UploadPart } from './upload-parts.ts'

/** What a process remembers of an upload between requests. Node.js cannot save the state of a hash, so this is lost with the process. */
export interface RunningUpload {
  busy: boolean
  algorithm: DigestAlgorithm
  /** The hash of the first `hashed` bytes, all of which this process wrote. */
  digester: Digester
  hashed: number
}

export interface UploadHost {
  /** Runs an append with the number of bytes that it should gather before it writes, smaller the more there are at once. */
  appending<T>(append: (batchSize: number) => Promise<T>): Promise<T>
  /** What parts of this process are called. */
  readonly writer: string
  /** Takes a synced file as the blob of a digest in the repository of the upload. The file is gone afterwards. */
  publish(path: string, digest: Digest): Promise<void>
  /** Forgets what is running. */
  forget(id: string): void
}

export const startRunning = (algorithm: DigestAlgorithm): RunningUpload => ({
  busy: false,
  algorithm,
  digester: createDigester(algorithm),
  hashed: 0,
})

const digestMismatch = (expected: Digest, actual: Digest): GantryError =>
  new GantryError(
    'invalid_argument',
    'DIGEST_INVALID',
    `Cannot commit blob "${expected}": the bytes that arrived have the digest "${actual}"`,
    { detail: { expected, actual }, hint: 'upload the blob again' },
  )

/** An upload in a folder of the file system; one object per request. */
export class FilesystemUpload implements Upload {
  readonly id: string
  readonly #folder: string
  readonly #host: UploadHost
  readonly #running: RunningUpload
  #offset: number

  constructor(id: string, folder: string, offset: number, running: RunningUpload, host: UploadHost) {
    this.id = id
    this.#folder = folder
    this.#offset = offset
    this.#running = running
    this.#host = host
  }

  get offset(): number {
    return this.#offset
  }

  append(chunk: ByteStream, options: Abortable & { readonly algorithm?: DigestAlgorithm } = {}): Promise<void> {
    return this.#exclusively(async () => {
      const { algorithm, signal } = options
      const parts = await readParts(this.#folder, this.id)
      this.#offset = endOfParts(parts)
      const running = this.#running
      if (algorithm !== undefined && algorithm !== running.algorithm && this.#offset === 0)
        Object.assign(running, startRunning(algorithm), { busy: true })
      const last = parts.at(-1)
      const start = last?.writer === this.#host.writer ? last.start : this.#offset
      const isHashed = running.hashed === this.#offset
      // unless all goes well, the file will be hashed as a whole
      running.hashed = -1
      await using handle = await this.#openPart(start)
      const { written, failure } = await this.#host.appending((batchSize) =>
        appendStream(handle, abortable(chunk, signal), {
          position: this.#offset - start,
          batchSize,
          digester: isHashed ? running.digester : undefined,
        }),
      )
      this.#offset += written
      if (isHashed) running.hashed = this.#offset
      if (failure !== undefined) throw failure.error
    })
  }

  commit(expected: Digest): Promise<Descriptor> {
    return this.#exclusively(async () => {
      const parts = await readParts(this.#folder, this.id)
      this.#offset = endOfParts(parts)
      const { path, digest } = await this.#whole(parts, digestAlgorithm(expected))
      if (digest !== expected) {
        await this.abort()
        throw digestMismatch(expected, digest)
      }
      await this.#host.publish(path, digest)
      await this.abort()
      return { mediaType: 'application/octet-stream', digest, size: this.#offset }
    })
  }

  async abort(): Promise<void> {
    this.#host.forget(this.id)
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #openPart(start: number) {
    try {
      return await open(partPath(this.#folder, start, this.#host.writer), 'a+')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') throw unknownUpload(this.id)
      throw error
    }
  }

  /** All bytes as one synced file that no other process writes to, and their digest. */
  async #whole(parts: readonly UploadPart[], algorithm: DigestAlgorithm): Promise<{ path: string; digest: Digest }> {
    const { writer } = this.#host
    const running = this.#running
    const [only, ...others] = parts
    if (only === undefined || (only.writer === writer && others.length === 0)) {
      const path = only?.path ?? partPath(this.#folder, 0, writer)
      await using handle = await this.#openPart(0)
      const syncing = handle.sync()
      const isHashed = running.algorithm === algorithm && running.hashed === this.#offset
      const digester = isHashed ? running.digester : createDigester(algorithm)
      // used up, and of no use again should publishing fail
      running.hashed = -1
      if (!isHashed) for await (const chunk of readFileStream(path, 0, this.#offset)) digester.update(chunk)
      await syncing
      return { path, digest: digester.digest() }
    }
    return this.#assemble(parts, algorithm)
  }

  /** Copies the parts of several processes, some of them perhaps still at work, into one file. */
  async #assemble(parts: readonly UploadPart[], algorithm: DigestAlgorithm): Promise<{ path: string; digest: Digest }> {
    const path = join(this.#folder, `whole.${this.#host.writer}`)
    const digester = createDigester(algorithm)
    await using handle = await open(path, 'w')
    let position = 0
    for (const [index, part] of parts.entries()) {
      const end = (parts[index + 1]?.start ?? this.#offset) - part.start
      const { written, failure } = await appendStream(handle, readFileStream(part.path, 0, end), {
        position,
        batchSize: 1,
        digester,
      })
      if (failure !== undefined) throw failure.error
      position += written
    }
    await handle.sync()
    return { path, digest: digester.digest() }
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const running = this.#running
    if (running.busy)
      throw new GantryError(
        'conflict',
        'BLOB_UPLOAD_INVALID',
        `Cannot change upload "${this.id}": another request is at work on it`,
        {
          hint: 'ask for the state of the upload, and go on from there',
        },
      )
    running.busy = true
    try {
      return await work()
    } finally {
      running.busy = false
    }
  }
}

async function* abortable(stream: ByteStream, signal: AbortSignal | undefined): ByteStream {
  for await (const chunk of stream) {
    throwIfAborted(signal)
    yield chunk
  }
}
