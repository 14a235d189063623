import { streamOf, type Abortable, type ByteStream } from '../../lib/bytes.ts'
import type { TarEntry } from '../../lib/tar/entry.ts'
import { writeTar, type TarInput } from '../../lib/tar/writer.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { digestAlgorithm, type Digest } from '../../oci/digest.ts'
import { encodeJson, type Manifest } from '../../oci/manifest.ts'
import { isConfigType, isNonDistributable } from '../../oci/media-type.ts'
import { rankPlatforms } from '../../oci/platform-match.ts'
import { noSuchBlob } from '../blob-files.ts'
import type { ContentSource } from '../interfaces.ts'
import { fullReference } from '../layout-images.ts'
import { emptyLayoutIndex, encodeLayoutIndex, layoutEntry, layoutMarker } from '../layout-index.ts'
import { imagesOf } from '../select.ts'
import { walk, type Reached } from '../walk.ts'
import { archiveBlobPath } from './oci-archive.ts'

/** An image to save: a manifest or index, and the full references it gets. */
export interface ArchiveImage {
  readonly target: Descriptor
  readonly names: readonly string[]
}

export interface WriteArchiveOptions extends Abortable {
  /** Which image of an index docker's `manifest.json` names, for readers that know one platform only; default the first that is there. */
  readonly platform?: Platform
}

/**
 * The images as one tar that is an OCI archive and a docker archive at once, which docker, podman, skopeo and gantry load. Manifests
 * keep their bytes and digests, shared blobs are there once, of a sparse index what the source has. The same images give the same
 * bytes. `not_found` before the first byte if a blob is missing.
 */
export const writeArchive = async (
  source: ContentSource,
  images: readonly ArchiveImage[],
  options: WriteArchiveOptions = {},
): Promise<ByteStream> => {
  const reached = new Map<Digest, Reached>()
  for await (const one of walk(
    source,
    images.map(({ target }) => target),
    options,
  ))
    if (await isThere(source, one, options)) reached.set(one.descriptor.digest, one)
  for (const { target } of images) if (!reached.has(target.digest)) throw noSuchBlob(target.digest, 'the store')
  return writeTar(entriesOf(source, images, reached, options))
}

/** False for what an archive may lack: manifests that were never fetched, layers that may not be distributed. */
const isThere = async (source: ContentSource, reached: Reached, options: Abortable): Promise<boolean> => {
  if (reached.kind !== 'blob') return reached.kind !== 'missing'
  if (await source.has(reached.descriptor, options)) return true
  if (isNonDistributable(reached.descriptor.mediaType)) return false
  throw noSuchBlob(reached.descriptor.digest, 'the store')
}

async function* entriesOf(
  source: ContentSource,
  images: readonly ArchiveImage[],
  reached: ReadonlyMap<Digest, Reached>,
  options: WriteArchiveOptions,
): AsyncIterable<TarInput> {
  const entries = images.flatMap(({ target, names }) =>
    names.length === 0 ? [layoutEntry(target)] : names.map((name) => layoutEntry(target, name)),
  )
  // what says what is there comes first, for readers of streams
  yield file('oci-layout', Buffer.from(layoutMarker))
  yield file('index.json', Buffer.from(encodeLayoutIndex({ ...emptyLayoutIndex, entries })))
  yield file('manifest.json', encodeJson(dockerManifest(images, reached, options.platform)))
  yield folder('blobs')
  const digests = [...reached.keys()].toSorted()
  for (const algorithm of new Set(digests.map(digestAlgorithm))) yield folder(`blobs/${algorithm}`)
  for (const digest of digests) {
    const one = reached.get(digest)
    if (one === undefined || one.kind === 'missing') continue
    const path = archiveBlobPath(digest)
    if (one.kind === 'blob') yield { ...header(path, one.descriptor.size), body: await source.open(one.descriptor, options) }
    else yield file(path, one.bytes)
  }
}

const owner = { uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } } as const
const header = (name: string, size: number): TarEntry => ({ name, kind: 'file', mode: 0o644, size, ...owner })
const file = (name: string, bytes: Buffer): TarInput => ({ ...header(name, bytes.length), body: streamOf(bytes) })
const folder = (name: string): TarInput => ({ name, kind: 'folder', mode: 0o755, size: 0, ...owner })

/** docker's `manifest.json` (moby image/tarexport): an entry for each image, with its names. Artifacts have no place in it. */
const dockerManifest = (
  images: readonly ArchiveImage[],
  reached: ReadonlyMap<Digest, Reached>,
  platform: Platform | undefined,
): readonly object[] => {
  const byConfig = new Map<Digest, { readonly manifest: Manifest; readonly tags: string[] }>()
  for (const { target, names } of images) {
    const manifest = imageOf(target, reached, platform)
    if (manifest === undefined || !isConfigType(manifest.config.mediaType)) continue
    if (!manifest.layers.every(({ digest }) => reached.has(digest))) continue
    const known = byConfig.get(manifest.config.digest) ?? { manifest, tags: [] }
    byConfig.set(manifest.config.digest, known)
    known.tags.push(...names.flatMap(repoTag))
  }
  return [...byConfig.values()].map(({ manifest, tags }) => ({
    Config: archiveBlobPath(manifest.config.digest),
    RepoTags: tags.length === 0 ? null : tags,
    Layers: manifest.layers.map(({ digest }) => archiveBlobPath(digest)),
  }))
}

/** Full, since podman takes docker's short names for its own; a name by digest has no tag. */
const repoTag = (name: string): readonly string[] => {
  const full = fullReference(name)
  return full === undefined || full.includes('@') ? [] : [full]
}

/** The one image of a target that readers without indexes get. */
const imageOf = (
  target: Descriptor,
  reached: ReadonlyMap<Digest, Reached>,
  platform: Platform | undefined,
): Manifest | undefined => {
  const one = reached.get(target.digest)
  if (one?.kind === 'manifest') return one.manifest
  if (one?.kind !== 'index') return undefined
  const there = imagesOf(one.index).filter(({ digest }) => reached.has(digest))
  const ranked = platform === undefined ? there : [...rankPlatforms(platform, there), ...there]
  for (const image of ranked) {
    const found = imageOf(image, reached, platform)
    if (found !== undefined) return found
  }
  return undefined
}
