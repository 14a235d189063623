import { join } from 'node:path'
import { access, readdir, readFile, rename } from 'node:fs/promises'
import { createRing, RingWriter } from '../lib/byte-ring.ts'
import { parseJson, type Abortable, type ByteStream } from '../lib/bytes.ts'
import { GantryError, systemCode, throwIfAborted } from '../lib/errors.ts'
import { Leases } from '../lib/leases.ts'
import { removeTree } from '../lib/remove-tree.ts'
import { WorkerPool } from '../lib/worker-pool.ts'
import { workerUrl } from '../lib/worker.ts'
import { isDigest, type DiffId } from '../oci/digest.ts'
import type { Compression } from '../oci/media-type.ts'
import { openIndexedLayer } from './index-layer-reader.ts'
import type { IngestJob } from './ingest.ts'
import type { LayerReader } from './interfaces.ts'
import { fileNameOf, layerPaths, type LayerPaths } from './layer-paths.ts'
import type { LayerJob } from './layer.worker.ts'
import type { StoredInfo } from './stored-info.ts'
import { Workspace } from './workspace.ts'

export interface TarLayersOptions {
  /** Where the layers are; made where it is missing. */
  readonly folder: string
  /** The leases of this process, where other stores share them. Default: those in `leases` of the folder. */
  readonly leases?: Leases
  /** Most bytes that a layer's tar may have. Default: what the disk has room for. */
  readonly maxTarSize?: number
  /** The threads that do the work, to be shared between stores. Default: `createLayerWorkers()`. */
  readonly workers?: WorkerPool
}

/** Threads for layer stores: as many layers are worked at in parallel as there are cores. */
export const createLayerWorkers = (): WorkerPool => new WorkerPool(workerUrl(import.meta.url, './layer.worker.ts'))

/** Bytes on their way from the network to the worker: enough that neither waits for the other over each piece. */
const ringSize = 2 * 1024 * 1024

/**
 * Layers as their exact tars, each with an index: what both drivers of the layer store keep. What differs between them is how a stack
 * of layers becomes a folder.
 */
export class TarLayers {
  readonly paths: LayerPaths
  readonly workspace: Workspace
  readonly leases: Leases
  readonly folder: string
  readonly #maxTarSize: number
  readonly #workers: WorkerPool

  constructor(options: TarLayersOptions) {
    this.folder = options.folder
    this.#maxTarSize = options.maxTarSize ?? Infinity
    this.paths = layerPaths(options.folder)
    this.leases = options.leases ?? new Leases(join(options.folder, 'leases'))
    this.workspace = new Workspace(this.paths.temporary, this.leases)
    this.#workers = options.workers ?? createLayerWorkers()
  }

  /** Runs a job of a worker, at most one per core at once; a job that fails leaves nothing. */
  async runJob<T>(job: LayerJob): Promise<T> {
    try {
      return await this.#workers.run<T>(job)
    } catch (error) {
      await removeTree(job.temporary)
      throw error
    }
  }

  async has(id: DiffId): Promise<boolean> {
    await this.leases.rely([id])
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

  async add(
    id: DiffId,
    bytes: ByteStream,
    options: Abortable & { readonly compression?: Compression } = {},
  ): Promise<StoredInfo> {
    await using _lease = await this.leases.take()
    const known = await this.#find(id)
    if (known !== undefined) return await release(bytes, known)
    this.#workers.warm()
    const compression = options.compression ?? 'none'
    const work = async (): Promise<StoredInfo> => {
      const known = await this.#find(id)
      return known === undefined ? await this.#ingest(bytes, compression, id, options.signal) : await release(bytes, known)
    }
    return await this.workspace.exclusive(fileNameOf(id), work, options)
  }

  async create(tar: ByteStream, options: Abortable = {}): Promise<StoredInfo> {
    this.#workers.warm()
    return await this.workspace.run(async () => {
      const temporary = await this.workspace.temporary()
      const info = await this.#ingest(tar, 'none', undefined, options.signal, temporary)
      // nobody could rely on it before its digest was known
      await this.leases.rely([info.diffId])
      await this.runJob({ kind: 'commit', folder: this.folder, temporary, diffId: info.diffId })
      return info
    }, options)
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
      const trash = await this.workspace.temporary()
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
    await this.leases.rely([id])
    try {
      return parseJson(await readFile(this.paths.info(id)), `the facts of layer "${id}"`) as StoredInfo
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async #ingest(
    bytes: ByteStream,
    compression: Compression,
    expected: DiffId | undefined,
    signal: AbortSignal | undefined,
    temporary?: string,
  ): Promise<StoredInfo> {
    const ring = createRing(ringSize)
    const writer = new RingWriter(ring)
    const job: IngestJob = {
      kind: 'ingest',
      ring,
      compression,
      folder: this.folder,
      temporary: temporary ?? (await this.workspace.temporary()),
      expected,
      maxTarSize: this.#maxTarSize,
    }
    const abandon = (): void => writer.abandon()
    const running = this.runJob<StoredInfo>(job)
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
