import { createManifest } from '../../content/mutate.ts'
import { streamOf, type Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError, messageOf, throwIfAborted } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { DiffId } from '../../oci/digest.ts'
import { describe, encodeJson } from '../../oci/manifest.ts'
import { internalStep, type OnBuildEvent } from '../events.ts'
import { layerBlob } from '../export-image.ts'
import type { BuildServices } from '../interfaces.ts'
import { cacheConfigType, encodeCacheDocument, uncompressedAnnotation, type TransferredRecord } from './cache-document.ts'
import { formatCacheLocation, type CacheTarget } from './cache-location.ts'
import type { ImportedCaches } from './imported-caches.ts'

export interface ExportCacheOptions extends Abortable {
  readonly onEvent: OnBuildEvent
  /** What was read from elsewhere, and need not have been brought. */
  readonly imported: ImportedCaches
  /** The layers of what was built. */
  readonly layers: ReadonlySet<DiffId>
}

/** Writes what the steps of a build made to where other machines find it. A failure ends the build, unless it is to be ignored. */
export const exportCache = async (
  target: CacheTarget,
  records: readonly TransferredRecord[],
  services: BuildServices,
  options: ExportCacheOptions,
): Promise<void> => {
  const { location, mode, ignoreError } = target
  if (location.type === 'inline') return
  const { onEvent, layers } = options
  const chosen = mode === 'max' ? records : records.filter(({ layer }) => layers.has(layer))
  const name = formatCacheLocation(location)
  await internalStep(onEvent, `exporting cache to ${name}`, async () => {
    try {
      await send(target, chosen, services, options)
    } catch (error) {
      throwIfAborted(options.signal)
      if (!isGantryError(error)) throw error
      const message = `Cannot export the cache to "${name}": ${messageOf(error)}`
      if (!ignoreError)
        throw new GantryError(error.kind, error.code, message, {
          cause: error,
          hint: error.hint ?? 'add ignore-error=true if the image matters more',
        })
      onEvent({ kind: 'warning', message })
    }
  })
}

const send = async (
  target: CacheTarget,
  records: readonly TransferredRecord[],
  services: BuildServices,
  options: ExportCacheOptions,
): Promise<void> => {
  const { caches, content } = services
  const { location } = target
  if (caches === undefined || location.type === 'inline')
    throw new GantryError('unsupported', 'NO_CACHES', 'caches cannot be written here')
  const { signal, imported } = options
  const abortable = signal === undefined ? {} : { signal }
  const layers: Descriptor[] = []
  const sources = new Set<NonNullable<ReturnType<ImportedCaches['layer']>>['source']>()
  for (const id of new Set(records.map(({ layer }) => layer))) {
    const elsewhere = (await services.layers.has(id)) ? undefined : imported.layer(id)
    if (elsewhere !== undefined) sources.add(elsewhere.source)
    const blob =
      elsewhere?.blob ?? (await caches.compress(await layerBlob(id, services, abortable), id, { ...target, ...abortable }))
    layers.push({ ...blob, annotations: { ...blob.annotations, [uncompressedAnnotation]: id } })
  }
  const bytes = encodeJson(encodeCacheDocument(records))
  const config = describe(bytes, cacheConfigType)
  await content.write(config, streamOf(bytes), abortable)
  const manifest = await createManifest(content, {
    config,
    layers: layers.toSorted((a, b) => (a.digest < b.digest ? -1 : 1)),
    ...abortable,
  })
  await caches.send(location, manifest, { sources: [...sources], ...abortable })
}
