import { readFile, rm } from 'node:fs/promises'
import { createManifest } from '../../content/mutate.ts'
import type { Image, ImageLayer } from '../../content/interfaces.ts'
import { systemCode } from '../../lib/errors.ts'
import { compress } from '../../lib/compression.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import { lock } from '../../lib/lock.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestHex, isDigest } from '../../oci/digest.ts'
import { layerCompression, mediaTypes } from '../../oci/media-type.ts'
import type { Engine } from '../engine.ts'

/**
 * What is built here stays uncompressed until it leaves. This gives the image gzip layers: same config, so same image ID, a new
 * manifest; all names of the old manifest move to the new one. A layer that was compressed once is not compressed again.
 * Answers the target as it is when nothing is uncompressed.
 */
export const compressImage = async (
  engine: Engine,
  target: Descriptor,
  image: Image,
  options: Abortable = {},
): Promise<Descriptor> => {
  if (image.layers.every((layer) => layerCompression(layer.blob.mediaType) !== 'none')) return target
  const store = await engine.content()
  const layers = await mapConcurrent(image.layers, 2, async (layer) => await compressLayer(engine, layer, options))
  const config = image.manifest.config
  const compressed = await createManifest(store, {
    config,
    layers,
    ...(image.manifest.annotations === undefined ? {} : { annotations: image.manifest.annotations }),
  })
  if (target.digest !== image.descriptor.digest) return compressed
  for (const named of await store.names())
    if (named.descriptor.digest === target.digest && named.name !== undefined) await store.tag(named.name, compressed)
  return compressed
}

const compressLayer = async (engine: Engine, layer: ImageLayer, options: Abortable): Promise<Descriptor> => {
  if (layerCompression(layer.blob.mediaType) !== 'none') return layer.blob
  const store = await engine.content()
  const folder = engine.path('compressed')
  const record = `${folder}/${digestHex(layer.diffId)}.gzip.json`
  const find = async (): Promise<Descriptor | undefined> => {
    const known = await readRecord(record)
    return known !== undefined && (await store.has(known)) ? known : undefined
  }
  const known = await find()
  if (known !== undefined) return known
  // of two pushes of the same layer the second waits for what the first makes
  const lockPath = `${folder}/${digestHex(layer.diffId)}.lock`
  await using _held = await lock(lockPath, 'exclusive', options)
  const made = await find()
  if (made !== undefined) return made
  const tar = await store.open(layer.blob, options)
  const descriptor = await store.ingest(compress(tar, 'gzip'), mediaTypes.ociLayerGzip, options)
  await writeFileAtomic(record, JSON.stringify(descriptor))
  await rm(lockPath, { force: true })
  return descriptor
}

/** The descriptor of an earlier compression; a record that is missing or makes no sense is none. */
const readRecord = async (path: string): Promise<Descriptor | undefined> => {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as Partial<Descriptor>
    if (typeof value.digest !== 'string' || !isDigest(value.digest) || typeof value.size !== 'number') return undefined
    return { mediaType: mediaTypes.ociLayerGzip, digest: value.digest, size: value.size }
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}
