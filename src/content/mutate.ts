import { streamOf, type Abortable } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { DiffId } from '../oci/digest.ts'
import type { HistoryEntry, ImageConfig } from '../oci/image-config.ts'
import { describe, encodeJson } from '../oci/manifest.ts'
import { isConfigType, layerCompression, mediaTypes as types } from '../oci/media-type.ts'
import type { ContentSink } from './interfaces.ts'

/** The family of media types that an image is written in; never mixed in one manifest. */
export type ImageTypes = 'oci' | 'docker'

/** A layer of a new image: its blob, and the history entry that made it. */
export interface NewLayer {
  readonly descriptor: Descriptor
  readonly diffId: DiffId
  readonly history?: HistoryEntry
}

export interface ManifestFields {
  /** Default `oci`. */
  readonly mediaTypes?: ImageTypes
  /** OCI only. */
  readonly annotations?: Readonly<Record<string, string>>
}

export interface NewImage extends ManifestFields, Abortable {
  /**
   * The config; its `rootfs` is replaced by the layers. Its `history` stays, with the steps that made no layer; where it has fewer
   * entries than layers, or none, those of the layers are added.
   */
  readonly config: ImageConfig
  /** Base first; the blobs are in the sink already. */
  readonly layers: readonly NewLayer[]
}

/** Writes config and manifest of an image, and answers the manifest: the same bytes for the same image, always. */
export const createImage = async (sink: ContentSink, image: NewImage): Promise<Descriptor> => {
  const { config, layers, mediaTypes = 'oci' } = image
  const rootfs = { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) } as const
  const bytes = encodeConfig({ ...config, rootfs, history: historyOf(config.history ?? [], layers) })
  const descriptor = describe(bytes, mediaTypes === 'oci' ? types.ociConfig : types.dockerConfig)
  await sink.write(descriptor, streamOf(bytes), image)
  return await createManifest(sink, { ...image, config: descriptor, layers: layers.map((layer) => layer.descriptor) })
}

/** A manifest of blobs that are somewhere already. */
export interface NewManifest extends ManifestFields {
  readonly config: Descriptor
  /** Base first. */
  readonly layers: readonly Descriptor[]
}

/** Writes a manifest over a config and layers that are in the sink already. */
export const createManifest = async (sink: ContentSink, image: NewManifest & Abortable): Promise<Descriptor> => {
  const bytes = encodeManifest(image)
  const descriptor = describe(bytes, manifestType(image))
  await sink.write(descriptor, streamOf(bytes), image)
  return descriptor
}

const manifestType = ({ mediaTypes = 'oci' }: ManifestFields): string =>
  mediaTypes === 'oci' ? types.ociManifest : types.dockerManifest

/** The JSON of a manifest. Media types become those of the family; `unsupported` for what Docker's cannot say. */
export const encodeManifest = (image: NewManifest): Buffer => {
  const { mediaTypes = 'oci', annotations } = image
  if (mediaTypes === 'docker' && annotations !== undefined)
    throw new GantryError('unsupported', 'NO_ANNOTATIONS', 'Cannot write image: Docker manifests have no annotations')
  return encodeJson({
    schemaVersion: 2,
    mediaType: manifestType(image),
    config: bare({ ...image.config, mediaType: configType(image.config.mediaType, mediaTypes) }),
    layers: image.layers.map((layer) => bare({ ...layer, mediaType: layerType(layer.mediaType, mediaTypes) })),
    ...(annotations === undefined ? {} : { annotations: sorted(annotations) }),
  })
}

/** What a manifest says of its blobs. */
const bare = ({ mediaType, digest, size, urls, annotations }: Descriptor): Descriptor => ({
  mediaType,
  digest,
  size,
  ...(urls === undefined ? {} : { urls }),
  ...(annotations === undefined ? {} : { annotations: sorted(annotations) as Readonly<Record<string, string>> }),
})

const configType = (mediaType: string, family: ImageTypes): string => {
  if (!isConfigType(mediaType)) return mediaType
  return family === 'oci' ? types.ociConfig : types.dockerConfig
}

const layerTypes = {
  oci: { none: types.ociLayer, gzip: types.ociLayerGzip, zstd: types.ociLayerZstd },
  docker: { none: types.dockerLayer, gzip: types.dockerLayerGzip, zstd: undefined },
} as const
const families = { oci: /^application\/vnd\.oci\./, docker: /^application\/vnd\.docker\./ } as const

/** The media type of the same layer in a family. Docker has none for zstd (`unsupported`). */
const layerType = (mediaType: string, family: ImageTypes): string => {
  const compression = layerCompression(mediaType)
  if (compression === undefined || (families[family].test(mediaType) && compression !== 'zstd')) return mediaType
  const type = layerTypes[family][compression]
  if (type !== undefined) return type
  throw new GantryError(
    'unsupported',
    'NO_DOCKER_ZSTD',
    `Cannot write image: Docker manifests have no media type for ${compression}`,
    {
      hint: 'use OCI media types, or compress with gzip',
    },
  )
}

const historyOf = (history: readonly HistoryEntry[], layers: readonly NewLayer[]): readonly HistoryEntry[] => {
  const made = history.filter((entry) => entry.empty_layer !== true).length
  if (made > layers.length)
    throw new GantryError(
      'invalid_argument',
      'HISTORY_COUNT',
      `Cannot write image: its history has ${made} entries for ${layers.length} layers`,
    )
  return [...history, ...layers.slice(made).map((layer) => layer.history ?? {})]
}

const configFields = [
  'created',
  'author',
  'architecture',
  'variant',
  'os',
  'os.version',
  'os.features',
  'config',
  'rootfs',
  'history',
]

/** The JSON of a config: known fields in the order of the spec, all keys within and after them sorted. */
const encodeConfig = (config: ImageConfig): Buffer => {
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(config))
  const others = [...fields.keys()].filter((key) => !configFields.includes(key)).toSorted()
  const entries = [...configFields, ...others].filter((key) => fields.has(key)).map((key) => [key, sorted(fields.get(key))])
  return encodeJson(Object.fromEntries(entries) as object)
}

const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
