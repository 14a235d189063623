import type { Abortable } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { platformOf } from '../oci/image-config.ts'
import { servesPlatform } from '../oci/platform-match.ts'
import type { BuildCache } from './cache.ts'
import { internalStep, type OnBuildEvent } from './events.ts'
import type { FilesResult } from './execute/executor.ts'
import { exportImage, type ExportedImage, type ExportOptions } from './export-image.ts'
import type { PlannedImage } from './frontend.ts'
import type { BuildServices } from './interfaces.ts'
import { squashResult, type SquashRange } from './squash.ts'
import { writeIndex } from './write-index.ts'

/** The image for one platform. */
export interface BuiltPlatform extends ExportedImage {
  readonly platform: Platform
}

export interface ExportedImages extends ExportedImage {
  /** The manifest, or the index where there are several images, in the content store; nothing names it yet. */
  readonly descriptor: Descriptor
  /** The image ID of the image for this machine, or else the first one: its config's digest. */
  readonly imageId: Digest
  /** The images one by one, in the order of the platforms. */
  readonly images: readonly BuiltPlatform[]
}

export interface ExportPlatformsOptions extends Abortable {
  readonly onEvent: OnBuildEvent
  readonly cache: BuildCache
  readonly squash?: SquashRange
  /** What the config has besides, see `ExportOptions`. */
  readonly fieldsOf: (result: FilesResult) => NonNullable<ExportOptions['fields']>
}

/** Writes the images of all platforms, and the index over them where there are several. */
export const exportPlatforms = async (
  built: readonly { readonly state: PlannedImage; readonly result: FilesResult }[],
  services: BuildServices,
  options: ExportPlatformsOptions,
): Promise<ExportedImages> => {
  const { onEvent, signal } = options
  const abortable = signal === undefined ? {} : { signal }
  return await internalStep(onEvent, 'exporting to image', async (id) => {
    const status = (name: string, done = true): void => onEvent({ kind: 'status', id, name, done })
    status('exporting layers', false)
    const images: BuiltPlatform[] = []
    for (const { state, result } of built) images.push(await exportPlatform(state, result, services, options))
    status('exporting layers')
    for (const { imageId } of images) status(`writing image ${imageId}`)
    const shown = images.find(({ platform }) => servesPlatform(services.platform, platform)) ?? images[0]
    if (shown === undefined) throw new GantryError('internal', 'NO_IMAGES', 'Cannot build: there is no platform to build for')
    if (images.length === 1) return { ...shown, images }
    const entries = images.map(({ descriptor, platform }) => ({ ...descriptor, platform }))
    const descriptor = await writeIndex(services.content, entries, abortable)
    status(`writing index ${descriptor.digest}`)
    return { ...shown, descriptor, images }
  })
}

const exportPlatform = async (
  state: PlannedImage,
  result: FilesResult,
  services: BuildServices,
  { signal, cache, squash, fieldsOf }: ExportPlatformsOptions,
): Promise<BuiltPlatform> => {
  const { epoch } = state
  const abortable = signal === undefined ? {} : { signal }
  const { history, ...files } =
    squash === undefined
      ? { ...result, history: state.history }
      : await squashResult(state, result, squash, services, cache, abortable)
  const image = await exportImage({ ...state, history }, files, services, {
    ...abortable,
    // what is said of single layers does not hold for one that has taken their place
    ...(squash === undefined ? { fields: fieldsOf(result) } : {}),
    ...(epoch === undefined ? {} : { epoch }),
  })
  return { ...image, platform: platformOf(image.config) }
}
