import { createImage } from '../content/mutate.ts'
import type { Abortable } from '../lib/bytes.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import { GantryError } from '../lib/errors.ts'
import { formatTime } from '../oci/creation-time.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { HistoryEntry, ImageConfig } from '../oci/image-config.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { parseManifest } from '../oci/manifest.ts'
import type { FilesResult, ResultLayer } from './execute/executor.ts'
import type { BuildServices } from './interfaces.ts'
import type { StageState } from './plan/stage-state.ts'
import { buildkitInlineField, inlineField } from './transfer/cache-document.ts'

export interface ExportOptions extends Abortable {
  /** Seconds since 1970: the date of all that is new (SOURCE_DATE_EPOCH); default: that of what it was made of. */
  readonly epoch?: number
  /** What the config has besides. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** Of the manifest. */
  readonly annotations?: Readonly<Record<string, string>>
}

/** An image as it was written. */
export interface ExportedImage {
  readonly descriptor: Descriptor
  /** The config's digest. */
  readonly imageId: Digest
  readonly config: ImageConfig
}

/**
 * Writes manifest and config of what was built. New layers stay as they are: their blob is the layer store's own tar, uncompressed,
 * as a hard link where that works. The image can be used at once.
 */
export const exportImage = async (
  state: Pick<StageState, 'config' | 'history' | 'base' | 'author'>,
  result: Pick<FilesResult, 'layers' | 'time'>,
  services: BuildServices,
  options: ExportOptions = {},
): Promise<ExportedImage> => {
  const { layers } = result
  const { annotations = {} } = options
  const config = { ...configOf(state, result, options.epoch), ...options.fields }
  await mapConcurrent(layers, 4, async (layer) => await layer.fetch?.())
  const written = []
  for (const { diffId, blob } of layers) {
    const descriptor = blob ?? (await layerBlob(diffId, services, options))
    written.push({ descriptor, diffId })
  }
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const descriptor = await createImage(services.content, {
    config,
    layers: written,
    ...signal,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  })
  const imageId = parseManifest(services.content.read(descriptor)).config.digest
  return { descriptor, imageId, config }
}

/** The layer's own tar as a blob of the content store. */
export const layerBlob = async (
  diffId: ResultLayer['diffId'],
  { layers, content }: Pick<BuildServices, 'layers' | 'content'>,
  options: Abortable,
): Promise<Descriptor> => {
  const { tarSize } = await layers.info(diffId)
  const descriptor: Descriptor = { mediaType: mediaTypes.ociLayer, digest: diffId, size: tarSize }
  if (await content.has(descriptor)) return descriptor
  const path = await layers.tarFile(diffId)
  if (path !== undefined) await content.link(descriptor, path, options)
  else {
    await using reader = await layers.open(diffId)
    await content.write(descriptor, reader.tar(), options)
  }
  return descriptor
}

const configOf = (
  state: Parameters<typeof exportImage>[0],
  { layers, time }: Parameters<typeof exportImage>[1],
  epoch: number | undefined,
): ImageConfig => ({
  ...withoutCache(state.base),
  created: formatTime(epoch ?? time),
  ...(state.author === undefined || state.author === '' ? {} : { author: state.author }),
  config: state.config,
  rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
  history: timedHistory(state.history, layers, epoch),
})

/** The cache that the base image holds is none of this image. */
const withoutCache = <T extends object>(base: T): T =>
  Object.fromEntries(Object.entries(base).filter(([name]) => name !== inlineField && name !== buildkitInlineField)) as T

/**
 * History with times, as BuildKit gives them: a step's that of its layer; what changed only the config has the time of the layer
 * before it, or of the first one that was built where there is none.
 */
const timedHistory = (
  history: StageState['history'],
  layers: readonly ResultLayer[],
  epoch: number | undefined,
): readonly HistoryEntry[] => {
  let index = 0
  const timed = history.map(({ entry, inherited }) => {
    const layer = entry.empty_layer === true ? undefined : layers[index++]
    const time = inherited ? undefined : (epoch ?? layer?.time)
    const created = entry.created ?? (time === undefined ? undefined : formatTime(time))
    return created === undefined ? entry : { ...entry, created }
  })
  if (index !== layers.length)
    throw new GantryError(
      'internal',
      'HISTORY_COUNT',
      `Cannot write image: its history has ${index} layers, it has ${layers.length}`,
    )
  const first = timed.findIndex((entry) => entry.created === undefined)
  const isTimed = (entry: HistoryEntry): boolean => entry.created !== undefined
  let time = (timed.slice(Math.max(0, first)).find(isTimed) ?? timed.findLast(isTimed))?.created
  return timed.map((entry, position) => {
    if (position > first) time = entry.created ?? time
    return entry.created !== undefined || time === undefined ? entry : { ...entry, created: time }
  })
}
