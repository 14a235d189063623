import { access, mkdir, readdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { RingWriter } from '../lib/byte-ring.ts'
import { parseJson, type Abortable, type ByteStream } from '../lib/bytes.ts'
import { GantryError, systemCode, throwIfAborted } from '../lib/errors.ts'
import { placeDurably } from '../lib/place-durably.ts'
import { RingPool } from '../lib/ring-pool.ts'
import { WorkerPool, type JobOptions } from '../lib/worker-pool.ts'
import { workerUrl } from '../lib/worker.ts'
import { digestAlgorithm, isDigest, type DiffId } from '../oci/digest.ts'
import type { Compression } from '../oci/media-type.ts'
import { openIndexedLayer } from './index-layer-reader.ts'
import type { IngestJob } from './ingest.ts'
import type { AddOptions, LayerReader } from './interfaces.ts'
import { fileNameOf, layerFiles, layerPaths, type LayerPaths } from './layer-paths.ts'
import type { LayerJob } from './layer.worker.ts'
import type { StoredInfo } from './stored-info.ts'
import { isTaken } from './synced-files.ts'
import { removeTree, Workspace } from './workspace.ts'

export interface TarLayersOptions {
  /** Where the layers are; made where it is missing. */
  readonly folder: string
  /** Most bytes that a layer's tar may have. Default: what the disk has room for. */
  readonly maxTarSize?: number
  /** The threads that do the work, to be shared between stores. Default: `createLayerWorkers()`. */
  readonly workers?: WorkerPool
}

/** Threads for layer stores: as many layers are worked at in parallel as there are cores. */
export const createLayerWorkers = (): WorkerPool => new WorkerPool(workerUrl(import.meta.url, './layer.worker.ts'))

/** Bytes on their way from the network to the worker: enough that neither waits for the other over each piece. And layers on that way at once. */
const ringSize = 1024 * 1024
const ringLimit = 4

/** Bytes of a blob up to which its layer is done by the time that another process would have waited, or another worker have started. */
const smallSize = 4 * 1024 * 1024

interface IngestOptions {
  readonly compression: Compression
  readonly expected?: DiffId
  readonly small?: boolean
  readonly signal: AbortSignal | undefined
}

/**
 * Layers as their exact tars, each with an index: what both drivers of the layer store keep. What differs between them is how a stack
 * of layers becomes a folder.
 */
export class TarLayers {
  readonly paths: LayerPaths
  readonly workspace: Workspace
  readonly folder: string
  readonly #maxTarSize: number
  readonly #workers: WorkerPool
  readonly #rings = new RingPool(ringSize, ringLimit)

  constructor(options: TarLayersOptions) {
    this.folder = options.folder
    this.#maxTarSize = options.maxTarSize ?? Infinity
    this.paths = layerPaths(options.folder)
    this.workspace = new Workspace(this.paths.temporary)
    this.#workers = options.workers ?? createLayerWorkers()
  }

  /** Runs a job of a worker, at most one per core at once; a job that fails leaves nothing. */
  async runJob<T>(job: LayerJob, options?: JobOptions): Promise<T> {
    try {
      return await this.#workers.run<T>(job, options)
    } catch (error) {
      await removeTree(job.temporary)
      throw error
    }
  }

  async has(id: DiffId): Promise<boolean> {
    try {
      await access(this.paths.layer(id))
      return true
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false
      throw error
    }
  }

  async info(id: DiffId): Promise<StoredInfo> {
    const info = await this.#find(id)
    if (info === undefined) throw noLayer(id)
    return info
  }

  async add(id: DiffId, bytes: ByteStream, options: AddOptions = {}): Promise<StoredInfo> {
    const known = await this.#find(id)
    if (known !== undefined) return await release(bytes, known)
    this.#workers.warm()
    const { compression = 'none', size = Infinity, signal } = options
    const small = size <= smallSize
    const work = async (): Promise<StoredInfo> => {
      const known = await this.#find(id)
      return known === undefined
        ? await this.#ingest(bytes, { compression, expected: id, small, signal })
        : await release(bytes, known)
    }
    if (small) return await this.workspace.run(work, options)
    return await this.workspace.exclusive(fileNameOf(id), work, options)
  }

  async create(tar: ByteStream, options: Abortable = {}): Promise<StoredInfo> {
    this.#workers.warm()
    return await this.workspace.run(() => this.#ingest(tar, { compression: 'none', signal: options.signal }), options)
  }

  async open(id: DiffId): Promise<LayerReader> {
    try {
      return openIndexedLayer(this.paths.index(id), this.paths.tar(id))
    } catch (error) {
      throw systemCode(error) === 'ENOENT' ? noLayer(id) : error
    }
  }

  async tarFile(id: DiffId): Promise<string | undefined> {
    return (await this.has(id)) ? this.paths.tar(id) : undefined
  }

  async remove(id: DiffId): Promise<boolean> {
    return await this.discard(this.paths.layer(id))
  }

  /** Takes a folder out of the store at once, then removes what was in it; false if there is none. */
  async discard(path: string): Promise<boolean> {
    return await this.workspace.run(async () => {
      const trash = this.workspace.temporary()
      try {
        await rename(path, trash)
      } catch (error) {
        if (systemCode(error) === 'ENOENT') return false
        throw error
      }
      await removeTree(trash)
      return true
    })
  }

  async *list(): AsyncIterable<DiffId> {
    for (const algorithm of ['sha256', 'sha512'] as const) {
      for (const hex of await namesIn(this.paths.algorithm(algorithm))) {
        const id = `${algorithm}:${hex}`
        if (isDigest(id)) yield id
      }
    }
  }

  async #find(id: DiffId): Promise<StoredInfo | undefined> {
    try {
      return parseJson(await readFile(this.paths.info(id)), `the facts of layer "${id}"`) as StoredInfo
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async #ingest(bytes: ByteStream, options: IngestOptions): Promise<StoredInfo> {
    const temporary = this.workspace.temporary()
    const info = await this.#rings.run((ring) => this.#fill(bytes, ring, temporary, options))
    const target = this.paths.layer(info.diffId)
    try {
      await mkdir(this.paths.algorithm(digestAlgorithm(info.diffId)), { recursive: true })
      await placeDurably({
        path: target,
        contents: [...layerFiles.map((name) => join(temporary, name)), temporary],
        place: async () => await placeFolder(temporary, target),
      })
    } catch (error) {
      await removeTree(temporary)
      throw error
    }
    return info
  }

  /** Has a worker make the files of a layer while its bytes arrive. */
  async #fill(
    bytes: ByteStream,
    ring: SharedArrayBuffer,
    temporary: string,
    { compression, expected, small, signal }: IngestOptions,
  ): Promise<StoredInfo> {
    const writer = new RingWriter(ring)
    const job: IngestJob = {
      kind: 'ingest',
      ring,
      compression,
      folder: this.folder,
      temporary,
      expected,
      maxTarSize: this.#maxTarSize,
    }
    const abandon = (): void => writer.abandon()
    const running = this.runJob<StoredInfo>(job, { patient: small === true })
    running.catch(abandon)
    signal?.addEventListener('abort', abandon)
    try {
      throwIfAborted(signal)
      for await (const chunk of bytes) if (!(await writer.write(chunk))) break
      throwIfAborted(signal)
      writer.end()
    } catch (error) {
      writer.cancel()
      await running.catch(() => undefined)
      throw error
    } finally {
      signal?.removeEventListener('abort', abandon)
    }
    return await running
  }
}

/** Puts a finished folder in its place unless there is one, which is the same then. */
const placeFolder = async (from: string, to: string): Promise<void> => {
  try {
    await rename(from, to)
  } catch (error) {
    if (!isTaken(error)) throw error
    await removeTree(from)
  }
}

/** The names in a folder in order; none if there is no such folder. */
export const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return (await readdir(folder)).sort()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** Lets go of a stream that nobody needs to read. */
const release = async <T>(bytes: ByteStream, result: T): Promise<T> => {
  await bytes[Symbol.asyncIterator]().return?.()
  return result
}

export const noLayer = (id: DiffId): GantryError =>
  new GantryError('not_found', 'LAYER_UNKNOWN', `Cannot use layer "${id}": it is not in the layer store`, {
    hint: 'pull or build the image again',
  })
