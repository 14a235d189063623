import { closeSync, fdatasync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RingReader } from '../lib/byte-ring.ts'
import { Inflater } from '../lib/compression-inflater.ts'
import { GantryError } from '../lib/errors.ts'
import { TarParser } from '../lib/tar/parser.ts'
import { createDigester, digestAlgorithm, type Digester, type DiffId } from '../oci/digest.ts'
import type { Compression } from '../oci/media-type.ts'
import { encodeErofs } from './erofs/encode.ts'
import { indexOptions } from './index-options.ts'
import { layerInfo } from './layer-info.ts'
import { layerPaths } from './layer-paths.ts'
import type { StoredInfo } from './stored-info.ts'
import { commitFolder, writeAllSync, writeFileSynced } from './synced-files.ts'
import { LayerTreeBuilder } from './tree/layer-tree-builder.ts'

/** What a worker needs to know to take one layer into the store. */
export interface IngestJob {
  readonly kind: 'ingest'
  /** The blob's bytes as they arrive. */
  readonly ring: SharedArrayBuffer
  readonly compression: Compression
  /** The store's folder, and a path in it that does not exist, to work in. */
  readonly folder: string
  readonly temporary: string
  /** The tar's digest, if it is known. */
  readonly expected: DiffId | undefined
  /** Most bytes of the tar. */
  readonly maxTarSize: number
}

/** Puts a layer in its place whose digest was not known before it was taken in. */
export interface CommitJob extends Pick<IngestJob, 'folder' | 'temporary'> {
  readonly kind: 'commit'
  readonly diffId: DiffId
}

/** Inflating, hashing and parsing go piece by piece so that each finds the bytes in the processor's cache; writing is done in large blocks. */
const pieceSize = 64 * 1024
const blockSize = 1024 * 1024
/** Bytes after which the disk is set to work, so that little is left to wait for in the end. */
const flushSize = 32 * 1024 * 1024

/**
 * Takes one layer into the store: inflates, digests, parses and writes its tar, makes the index, and puts both in place, unless its
 * digest was not known: then `commitLayer` does. Blocks the thread.
 */
export const ingest = async (job: IngestJob): Promise<StoredInfo> => {
  const ring = new RingReader(job.ring)
  try {
    mkdirSync(job.temporary, { recursive: true })
    return await ingestInto(job, ring)
  } finally {
    ring.close()
  }
}

const ingestInto = async (job: IngestJob, ring: RingReader): Promise<StoredInfo> => {
  const builder = new LayerTreeBuilder()
  const parser = new TarParser({ entry: (entry, bodyOffset) => builder.add(entry, bodyOffset) })
  const digester = createDigester(job.expected === undefined ? 'sha256' : digestAlgorithm(job.expected))
  const tar = new TarFile(join(job.temporary, 'tar'), job.maxTarSize, digester, parser)
  try {
    if (job.compression === 'none') await tar.copy(ring)
    else await tar.inflate(ring, job.compression)
    parser.finish()
    await tar.sync()
  } finally {
    tar.close()
  }
  const diffId = digester.digest()
  if (job.expected !== undefined && diffId !== job.expected) throw mismatch(job.expected, diffId)
  const tree = builder.finish()
  const info = layerInfo(tree, diffId, tar.size)
  writeFileSynced(join(job.temporary, 'index'), encodeErofs(tree, indexOptions([{ diffId, tarSize: tar.size }], diffId)))
  writeFileSynced(join(job.temporary, 'info'), [Buffer.from(JSON.stringify(info))])
  if (job.expected !== undefined) commitLayer(job, diffId)
  return info
}

/** The tar on its way to the disk. */
class TarFile {
  readonly #fd: number
  readonly #limit: number
  readonly #digester: Digester
  readonly #parser: TarParser
  #flushed = 0
  #flushing: Promise<void> | undefined
  size = 0

  constructor(path: string, limit: number, digester: Digester, parser: TarParser) {
    this.#fd = openSync(path, 'wx', 0o644)
    this.#limit = limit
    this.#digester = digester
    this.#parser = parser
  }

  async copy(ring: RingReader): Promise<void> {
    while (ring.next(blockSize)) {
      for (let at = ring.from; at < ring.to; at += pieceSize) this.#see(ring.data.subarray(at, Math.min(at + pieceSize, ring.to)))
      writeAllSync(this.#fd, ring.data, ring.from, ring.to)
      ring.release()
      await this.#flush()
    }
  }

  async inflate(ring: RingReader, codec: 'gzip' | 'zstd'): Promise<void> {
    using inflater = new Inflater(codec)
    const block = Buffer.allocUnsafeSlow(blockSize)
    let filled = 0
    while (ring.next(blockSize)) {
      let full = false
      for (let at = ring.from; at < ring.to || full;) {
        const limit = Math.min(filled + pieceSize, blockSize)
        inflater.step(ring.data, at, ring.to, block, filled, limit)
        at += inflater.taken
        const end = filled + inflater.made
        this.#see(block.subarray(filled, end))
        full = end === limit
        filled = end
        if (filled === blockSize) {
          writeAllSync(this.#fd, block, 0, filled)
          filled = 0
          await this.#flush()
        }
      }
      ring.release()
    }
    writeAllSync(this.#fd, block, 0, filled)
    inflater.finish(block)
  }

  async sync(): Promise<void> {
    await this.#flushing
    await datasync(this.#fd)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #see(piece: Uint8Array): void {
    this.size += piece.length
    if (this.size > this.#limit) throw tooLarge(this.#limit)
    this.#digester.update(piece)
    this.#parser.feed(piece)
  }

  /** Starts to write back what is in the page cache, on the thread pool, unless the last such call is still under way. */
  async #flush(): Promise<void> {
    if (this.size - this.#flushed < flushSize) return
    this.#flushed = this.size
    await this.#flushing
    this.#flushing = datasync(this.#fd)
    this.#flushing.catch(() => undefined)
  }
}

const datasync = promisify(fdatasync)

/** Puts the finished folder in its place. */
export const commitLayer = (job: Pick<IngestJob, 'folder' | 'temporary'>, diffId: DiffId): void => {
  const paths = layerPaths(job.folder)
  mkdirSync(paths.algorithm(digestAlgorithm(diffId)), { recursive: true })
  commitFolder(job.temporary, paths.layer(diffId))
}

const mismatch = (expected: DiffId, actual: DiffId): GantryError =>
  new GantryError('data_loss', 'DIFF_ID_MISMATCH', `Cannot add layer "${expected}": its tar has the digest "${actual}"`, {
    detail: { expected, actual },
  })

const tooLarge = (limit: number): GantryError =>
  new GantryError('resource_exhausted', 'LAYER_TOO_LARGE', `Cannot add the layer: its tar has more than ${limit} bytes`)
