import { readFile, rm } from 'node:fs/promises'
import { createManifest } from '../../content/mutate.ts'
import type { DiskStore, Image, ImageLayer } from '../../content/interfaces.ts'
import { parseJson, type Abortable, type ByteStream } from '../../lib/bytes.ts'
import { compress, compressionLevels, decompress } from '../../lib/compression.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { createDeflatePool, type DeflatePool } from '../../lib/deflate/gzip.ts'
import { isGantryError, systemCode } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import { lock } from '../../lib/lock.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestHex, isDigest, type DiffId } from '../../oci/digest.ts'
import { isIndexType, isNonDistributable, layerCompression, mediaTypes, type Compression } from '../../oci/media-type.ts'
import type { Engine } from '../engine.ts'

/** How the layers of an image are to be compressed when it leaves. */
export interface CompressionOptions {
  /** What layers become that are not compressed; default gzip. `none` leaves them. */
  readonly compression?: Compression
  /** See `compressionLevels`. */
  readonly compressionLevel?: number
  /** Layers that are compressed otherwise are compressed anew, or with `none` not at all. */
  readonly forceCompression?: boolean
}

/**
 * What is built here stays uncompressed until it leaves. This gives the image layers that are compressed: same config, so same image
 * ID, a new manifest. A layer that was compressed once is not compressed again. All names of the old manifest move to the new one,
 * unless it was asked for something else than every tool can read. Answers the target as it is when there is nothing to do. An index
 * is compressed image by image, as far as they are here.
 */
export const compressImage = async (
  engine: Engine,
  target: Descriptor,
  image: Image,
  options: Abortable & CompressionOptions = {},
): Promise<Descriptor> => {
  const store = await engine.content()
  const compressed = isIndexType(target.mediaType)
    ? await (await import('./compress-index.ts')).compressIndex(engine, store, target, options)
    : await compressManifest(engine, image, options)
  if (compressed === undefined) return target
  if ((options.compression ?? 'gzip') !== 'gzip' || options.forceCompression === true) return compressed
  for (const named of await store.names())
    if (named.descriptor.digest === target.digest && named.name !== undefined)
      await store.retag(named.name, target.digest, compressed)
  return compressed
}

/** A manifest of the image with its layers compressed; undefined if they are already. */
export const compressManifest = async (
  engine: Engine,
  image: Image,
  options: Abortable & CompressionOptions,
): Promise<Descriptor | undefined> => {
  const layers = await compressLayers(engine, image, options)
  if (layers === undefined) return undefined
  const { config, annotations, mediaType } = image.manifest
  const zstd = layers.some((layer) => layerCompression(layer.mediaType) === 'zstd')
  return await createManifest(await engine.content(), {
    config,
    layers,
    // Docker's types have no name for zstd
    mediaTypes: mediaType === mediaTypes.dockerManifest && !zstd && annotations === undefined ? 'docker' : 'oci',
    ...(annotations === undefined ? {} : { annotations }),
  })
}

/** The layers of an image, compressed; undefined if there is nothing to do. */
export const compressLayers = async (
  engine: Engine,
  image: Pick<Image, 'layers'>,
  options: Abortable & CompressionOptions,
): Promise<readonly Descriptor[] | undefined> => {
  const { compression = 'gzip', forceCompression: force = false } = options
  if (!image.layers.some((layer) => isToChange(layer, compression, force))) return undefined
  const store = await engine.content()
  await using pool = createDeflatePool()
  const task: Task = { store, records: engine.path('compressed'), pool, compression, ...options }
  return await mapConcurrent(image.layers, 2, async (layer) =>
    isToChange(layer, compression, force) ? await changeLayer(task, layer) : layer.blob,
  )
}

/** Blobs of unknown types, and layers that only their owners may hand out, are never touched. */
const isToChange = ({ blob }: ImageLayer, wanted: Compression, force: boolean): boolean => {
  const current = layerCompression(blob.mediaType)
  if (current === undefined || current === wanted || isNonDistributable(blob.mediaType)) return false
  return current === 'none' || force
}

interface Task extends Abortable, CompressionOptions {
  readonly store: DiskStore
  /** The folder of records, which say what a diffId was compressed to. */
  readonly records: string
  readonly pool: DeflatePool
  readonly compression: Compression
}

const changeLayer = async (task: Task, layer: ImageLayer): Promise<Descriptor> => {
  const { store, compression, compressionLevel, pool } = task
  if (compression === 'none') return await store.ingest(await openTar(task, layer), mediaTypes.ociLayer, task)
  const level = compressionLevel ?? compressionLevels[compression].usual
  const mediaType = compression === 'gzip' ? mediaTypes.ociLayerGzip : mediaTypes.ociLayerZstd
  const record = recordPath(task.records, layer.diffId, `${compression}-${level}`)
  const find = async (): Promise<Descriptor | undefined> => {
    const known = await readRecord(record, mediaType)
    return known !== undefined && (await store.has(known)) ? known : undefined
  }
  const known = await find()
  if (known !== undefined) return known
  // of two pushes of the same layer the second waits for what the first makes
  const lockPath = `${record}.lock`
  await using _held = await lock(lockPath, 'exclusive', task)
  const made = await find()
  if (made !== undefined) return made
  const packed = compress(await openTar(task, layer), compression, { level, pool })
  const descriptor = await store.ingest(packed, mediaType, task)
  await writeFileAtomic(record, JSON.stringify(descriptor))
  await rm(lockPath, { force: true })
  return descriptor
}

const openTar = async ({ store, signal }: Task, { blob }: ImageLayer): Promise<ByteStream> => {
  const bytes = await store.open(blob, signal === undefined ? {} : { signal })
  const current = layerCompression(blob.mediaType)
  return current === 'gzip' || current === 'zstd' ? decompress(bytes, current) : bytes
}

const recordPath = (folder: string, diffId: DiffId, how: string): string => `${folder}/${digestHex(diffId)}.${how}.json`

/** The descriptor of an earlier compression; a record that is missing or makes no sense is none. */
const readRecord = async (path: string, mediaType: string): Promise<Descriptor | undefined> => {
  try {
    const value = parseJson(await readFile(path), 'the record') as Partial<Descriptor>
    if (typeof value.digest !== 'string' || !isDigest(value.digest) || typeof value.size !== 'number') return undefined
    return { mediaType, digest: value.digest, size: value.size }
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || isGantryError(error, 'invalid_argument')) return undefined
    throw error
  }
}
