import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { RingReader } from '../lib/byte-ring.ts'
import { GantryError } from '../lib/errors.ts'
import { TarParser } from '../lib/tar/parser.ts'
import { createDigester, digestAlgorithm, digestOf, type DiffId } from '../oci/digest.ts'
import type { Compression } from '../oci/media-type.ts'
import { encodeErofs } from './erofs/encode.ts'
import { indexOptions } from './index-options.ts'
import { layerInfo } from './layer-info.ts'
import type { StoredInfo } from './stored-info.ts'
import { writeNewFileSync } from './synced-files.ts'
import { TarFile } from './tar-file.ts'
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

/**
 * Makes the files of one layer in a folder: inflates, digests, parses and writes its tar, and makes the index. Blocks the thread. That
 * they last, and come into their place, is for the one who asked: to wait for the disk, this thread is too valuable.
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

/** The digest of a tar of no bytes. */
const emptyTar = digestOf('')

const ingestInto = async (job: IngestJob, ring: RingReader): Promise<StoredInfo> => {
  const builder = new LayerTreeBuilder()
  const parser = new TarParser({ entry: (entry, bodyOffset) => builder.add(entry, bodyOffset) })
  const digester = createDigester(job.expected === undefined ? 'sha256' : digestAlgorithm(job.expected))
  const tar = new TarFile(join(job.temporary, 'tar'), job.maxTarSize, (piece) => {
    digester.update(piece)
    parser.feed(piece)
  })
  try {
    // no bytes at all are an empty layer to the other container tools, whatever their type
    if (job.compression === 'none' || (job.expected === emptyTar && !ring.next(1))) await tar.copy(ring)
    else await tar.inflate(ring, job.compression)
    parser.finish()
  } finally {
    await tar.close()
  }
  const diffId = digester.digest()
  if (job.expected !== undefined && diffId !== job.expected) throw mismatch(job.expected, diffId)
  const tree = builder.finish()
  const info = layerInfo(tree, diffId, tar.size)
  writeNewFileSync(join(job.temporary, 'index'), encodeErofs(tree, indexOptions([{ diffId, tarSize: tar.size }], diffId)))
  writeNewFileSync(join(job.temporary, 'info'), [Buffer.from(JSON.stringify(info))])
  return info
}

const mismatch = (expected: DiffId, actual: DiffId): GantryError =>
  new GantryError('data_loss', 'DIFF_ID_MISMATCH', `Cannot add layer "${expected}": its tar has the digest "${actual}"`, {
    detail: { expected, actual },
  })
