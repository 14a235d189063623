import { createImage } from '../content/mutate.ts'
import type { Abortable } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { HistoryEntry, ImageConfig } from '../oci/image-config.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { parseManifest } from '../oci/manifest.ts'
import type { ResultLayer } from './execute/executor.ts'
import type { BuildServices } from './interfaces.ts'
import type { StageState } from './plan/stage-state.ts'

export interface ExportOptions extends Abortable {
  /** Seconds since 1970 that no new time may be after (SOURCE_DATE_EPOCH). */
  readonly latest?: number
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
  state: StageState,
  layers: readonly ResultLayer[],
  services: BuildServices,
  options: ExportOptions = {},
): Promise<ExportedImage> => {
  const config = configOf(state, layers, options.latest)
  const written = []
  for (const { diffId, blob } of layers) {
    const descriptor = blob ?? (await layerBlob(diffId, services, options))
    written.push({ descriptor, diffId })
  }
  const signal = options.signal === undefined ? {} : { signal: options.signal }
  const descriptor = await createImage(services.content, { config, layers: written, ...signal })
  const imageId = parseManifest(services.content.read(descriptor)).config.digest
  return { descriptor, imageId, config }
}

const layerBlob = async (
  diffId: ResultLayer['diffId'],
  { layers, content }: BuildServices,
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

const configOf = (state: StageState, layers: readonly ResultLayer[], latest: number | undefined): ImageConfig => {
  const history = timedHistory(state, layers, latest)
  const created = history.findLast((entry) => entry.created !== undefined)?.created
  return {
    ...state.base,
    ...(created === undefined ? {} : { created }),
    ...(state.author === undefined || state.author === '' ? {} : { author: state.author }),
    config: state.config,
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffId) },
    history,
  }
}

/**
 * History with times, as BuildKit gives them: a step's that of its layer; what changed only the config has the time of the layer
 * before it, or of the first one that was built where there is none.
 */
const timedHistory = (state: StageState, layers: readonly ResultLayer[], latest: number | undefined): readonly HistoryEntry[] => {
  let index = 0
  const timed = state.history.map(({ entry, inherited }) => {
    const layer = entry.empty_layer === true ? undefined : layers[index++]
    const created = entry.created ?? layer?.createdAt
    if (created === undefined) return entry
    return { ...entry, created: inherited ? created : earlier(created, latest) }
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

const earlier = (time: string, latest: number | undefined): string =>
  latest !== undefined && Date.parse(time) > latest * 1000 ? new Date(latest * 1000).toISOString() : time
