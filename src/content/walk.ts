import type { Abortable } from '../lib/bytes.ts'
import { isGantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Index, Manifest } from '../oci/manifest.ts'
import { isIndexType, isManifestType } from '../oci/media-type.ts'
import type { ContentSource } from './interfaces.ts'
import { readManifest } from './read-blob.ts'
import { indexDepthLimit, tooDeep } from './select.ts'

/** Something that can be reached from a root. Blobs are named, not read. */
export type Reached =
  | { readonly kind: 'index'; readonly descriptor: Descriptor; readonly index: Index; readonly bytes: Buffer }
  | { readonly kind: 'manifest'; readonly descriptor: Descriptor; readonly manifest: Manifest; readonly bytes: Buffer }
  | { readonly kind: 'blob'; readonly role: 'config' | 'layer'; readonly descriptor: Descriptor }
  /** A manifest or index that the source does not have: a sparse index names what was never fetched. */
  | { readonly kind: 'missing'; readonly descriptor: Descriptor }

/**
 * All that can be reached from the roots, each digest once, parents before children, in the order of the documents. Whatever else
 * than absence keeps a manifest from being read is thrown. What is in `seen` is passed over, with all below it; what is reached is added.
 */
export async function* walk(
  source: ContentSource,
  roots: Iterable<Descriptor>,
  options: Abortable & { readonly seen?: Set<Digest> } = {},
): AsyncIterable<Reached> {
  const { seen = new Set<Digest>() } = options
  for (const root of roots) yield* walkFrom(source, root, 0, seen, options)
}

async function* walkFrom(
  source: ContentSource,
  descriptor: Descriptor,
  depth: number,
  seen: Set<Digest>,
  options: Abortable,
): AsyncIterable<Reached> {
  if (seen.has(descriptor.digest)) return
  seen.add(descriptor.digest)
  let read
  try {
    read = await readManifest(source, descriptor, options)
  } catch (error) {
    if (!isGantryError(error, 'not_found')) throw error
    yield { kind: 'missing', descriptor }
    return
  }
  const { bytes } = read
  if (read.kind === 'index') {
    if (depth === indexDepthLimit) throw tooDeep(descriptor.digest)
    yield { kind: 'index', descriptor, index: read.index, bytes }
    for (const child of read.index.manifests) {
      if (isManifestLike(child)) yield* walkFrom(source, child, depth + 1, seen, options)
      else yield* blobOnce(child, 'layer', seen)
    }
    return
  }
  const { config, layers } = read.manifest
  yield { kind: 'manifest', descriptor, manifest: read.manifest, bytes }
  yield* blobOnce(config, 'config', seen)
  for (const layer of layers) yield* blobOnce(layer, 'layer', seen)
}

/** True for an entry of an index that has children of its own; an entry may be anything (image-spec image-index.md), and all else is a blob. */
export const isManifestLike = ({ mediaType }: Descriptor): boolean => isIndexType(mediaType) || isManifestType(mediaType)

function* blobOnce(descriptor: Descriptor, role: 'config' | 'layer', seen: Set<Digest>): Iterable<Reached> {
  if (seen.has(descriptor.digest)) return
  seen.add(descriptor.digest)
  yield { kind: 'blob', role, descriptor }
}
