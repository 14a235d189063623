import { readImage } from '../../content/image.ts'
import type { DiskStore } from '../../content/interfaces.ts'
import { readManifest } from '../../content/read-blob.ts'
import { streamOf, type Abortable } from '../../lib/bytes.ts'
import { isGantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { describe, encodeJson, isAttestation } from '../../oci/manifest.ts'
import { isManifestType, mediaTypes } from '../../oci/media-type.ts'
import { attestedDigest, moveAttestation } from '../builds/attestation.ts'
import type { Engine } from '../engine.ts'
import { compressManifest, type CompressionOptions } from './compress.ts'

/**
 * An index with those of its images compressed that are here, and with their attestations speaking of what they have become. Undefined
 * if there is nothing to do.
 */
export const compressIndex = async (
  engine: Engine,
  store: DiskStore,
  target: Descriptor,
  options: Abortable & CompressionOptions,
): Promise<Descriptor | undefined> => {
  const read = await readManifest(store, target, options)
  if (read.kind !== 'index') return undefined
  const changed = new Map<Digest, Descriptor>()
  for (const entry of read.index.manifests) {
    if (isAttestation(entry) || !isManifestType(entry.mediaType) || !(await store.has(entry))) continue
    const compressed = await compressEntry(engine, store, entry, options)
    if (compressed !== undefined) changed.set(entry.digest, compressed)
  }
  if (changed.size === 0) return undefined
  const manifests: Descriptor[] = []
  for (const entry of read.index.manifests) {
    const subject = isAttestation(entry) ? changed.get(attestedDigest(entry) as Digest) : undefined
    if (subject !== undefined && (await store.has(entry))) manifests.push(await moveAttestation(store, entry, subject, options))
    else manifests.push({ ...entry, ...changed.get(entry.digest) })
  }
  const mediaType = manifests.every((entry) => entry.mediaType === mediaTypes.dockerManifest)
    ? read.mediaType
    : mediaTypes.ociIndex
  const bytes = encodeJson({ ...read.index, mediaType, manifests })
  const descriptor = describe(bytes, mediaType)
  await store.write(descriptor, streamOf(bytes), options)
  return descriptor
}

const compressEntry = async (
  engine: Engine,
  store: DiskStore,
  entry: Descriptor,
  options: Abortable & CompressionOptions,
): Promise<Descriptor | undefined> => {
  try {
    const { signal } = options
    return await compressManifest(engine, await readImage(store, entry, signal === undefined ? {} : { signal }), options)
  } catch (error) {
    // an artifact has no layers to compress; of an image that is here in part, nothing can be sent anyway
    if (isGantryError(error, 'unsupported') || isGantryError(error, 'not_found')) return undefined
    throw error
  }
}
