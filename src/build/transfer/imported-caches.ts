import { readBlob } from '../../content/read-blob.ts'
import type { ImageSource } from '../../content/interfaces.ts'
import type { LayerStore } from '../../layers/interfaces.ts'
import { parseJson, type Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError, messageOf, throwIfAborted } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type DiffId } from '../../oci/digest.ts'
import { configLimit, parseImageConfig } from '../../oci/image-config.ts'
import { parseManifestOrIndex, type Manifest } from '../../oci/manifest.ts'
import { isConfigType, layerCompression } from '../../oci/media-type.ts'
import { internalStep, type OnBuildEvent } from '../events.ts'
import type { BuildServices } from '../interfaces.ts'
import {
  buildkitConfigType,
  buildkitInlineField,
  cacheConfigType,
  inlineField,
  parseCacheDocument,
  uncompressedAnnotation,
  type TransferredRecord,
} from './cache-document.ts'
import { formatCacheLocation, type CacheSourceLocation } from './cache-location.ts'

/** A layer that a cache elsewhere has, brought when it is needed. */
export interface ImportedLayer {
  readonly layer: DiffId
  readonly time: number
  readonly blob: Descriptor
  readonly source: ImageSource
  /** Brings it into the layer store, once. */
  fetch(): Promise<void>
}

export interface ImportOptions extends Abortable {
  readonly onEvent: OnBuildEvent
}

/** Images of an index whose inline caches are read. */
const mostImages = 32

/**
 * What caches elsewhere know, read when the first step is not found here. One that cannot be read is told and left out: a build needs
 * no cache. Blobs are checked against their digests and layers against theirs.
 */
export class ImportedCaches {
  readonly #locations: readonly CacheSourceLocation[]
  readonly #services: BuildServices
  readonly #options: ImportOptions
  #loaded: Promise<ReadonlyMap<string, ImportedLayer>> | undefined
  readonly #layers = new Map<DiffId, ImportedLayer>()

  constructor(locations: readonly CacheSourceLocation[], services: BuildServices, options: ImportOptions) {
    this.#locations = locations
    this.#services = services
    this.#options = options
  }

  /** What a step with this key made. */
  async find(key: string): Promise<ImportedLayer | undefined> {
    if (this.#locations.length === 0) return undefined
    return (await (this.#loaded ??= this.#load())).get(key)
  }

  /** Where a layer that was found can be had. */
  layer(id: DiffId): ImportedLayer | undefined {
    return this.#layers.get(id)
  }

  async #load(): Promise<ReadonlyMap<string, ImportedLayer>> {
    const { onEvent } = this.#options
    const all = await Promise.all(
      this.#locations.map(async (location) => {
        const name = formatCacheLocation(location)
        return await internalStep(onEvent, `importing cache manifest from ${name}`, async () => {
          try {
            return await this.#read(location)
          } catch (error) {
            throwIfAborted(this.#options.signal)
            if (!isGantryError(error)) throw error
            onEvent({ kind: 'warning', message: `cannot import the cache from "${name}": ${messageOf(error)}` })
            return []
          }
        })
      }),
    )
    // the first cache that was named wins
    return new Map(all.flat().toReversed())
  }

  async #read(location: CacheSourceLocation): Promise<readonly (readonly [string, ImportedLayer])[]> {
    const { caches } = this.#services
    if (caches === undefined) throw new GantryError('unsupported', 'NO_CACHES', 'caches cannot be read here')
    const { source, reference } = await caches.open(location)
    const root = await source.resolve(reference, this.#options)
    const found: (readonly [string, ImportedLayer])[] = []
    for (const manifest of await manifestsOf(source, root, this.#options)) {
      const { records, blobs } = await readManifest(source, manifest, this.#options)
      for (const record of records) {
        const blob = blobs.get(record.layer)
        if (blob !== undefined) found.push([record.key, this.#importedLayer(record, blob, source)])
      }
    }
    return found
  }

  #importedLayer({ layer, time }: TransferredRecord, blob: Descriptor, source: ImageSource): ImportedLayer {
    const known = this.#layers.get(layer)
    if (known !== undefined) return known
    let fetched: Promise<void> | undefined
    const { layers } = this.#services
    const { onEvent, signal } = this.#options
    const fetch = (): Promise<void> =>
      (fetched ??= (async () => {
        if (await layers.has(layer)) return
        await internalStep(onEvent, `importing layer ${layer.slice(7, 19)} from cache`, async () => {
          await addLayer(layers, layer, blob, source, signal === undefined ? {} : { signal })
        })
      })())
    const imported = { layer, time, blob, source, fetch }
    this.#layers.set(layer, imported)
    return imported
  }
}

const addLayer = async (
  layers: LayerStore,
  id: DiffId,
  blob: Descriptor,
  source: ImageSource,
  options: Abortable,
): Promise<void> => {
  const compression = layerCompression(blob.mediaType)
  if (compression === undefined) throw new GantryError('unsupported', 'LAYER_TYPE', `"${blob.mediaType}" is no layer`)
  try {
    await layers.add(id, await source.open(blob, options), { compression, size: blob.size, ...options })
  } catch (cause) {
    if (!isGantryError(cause)) throw cause
    throw new GantryError(cause.kind, cause.code, `Cannot use the cache: layer "${blob.digest}": ${cause.message}`, {
      cause,
      hint: 'build without --cache-from',
    })
  }
}

const manifestsOf = async (source: ImageSource, root: Descriptor, options: Abortable): Promise<readonly Manifest[]> => {
  const parsed = parseManifestOrIndex(await readBlob(source, root, options), root.mediaType)
  if (parsed.kind === 'manifest') return [parsed.manifest]
  if (parsed.index.manifests.some(({ mediaType }) => mediaType === buildkitConfigType)) throw fromBuildkit()
  const found: Manifest[] = []
  for (const descriptor of parsed.index.manifests.slice(0, mostImages)) {
    const one = parseManifestOrIndex(await readBlob(source, descriptor, options), descriptor.mediaType)
    if (one.kind === 'manifest') found.push(one.manifest)
  }
  return found
}

const fromBuildkit = (): GantryError =>
  new GantryError('unsupported', 'CACHE_FOREIGN', 'BuildKit has written it, whose keys of steps are others')

interface ReadCache {
  readonly records: readonly TransferredRecord[]
  readonly blobs: ReadonlyMap<string, Descriptor>
}

const readManifest = async (source: ImageSource, manifest: Manifest, options: Abortable): Promise<ReadCache> => {
  const { config, layers } = manifest
  if (config.mediaType === buildkitConfigType) throw fromBuildkit()
  if (config.mediaType === cacheConfigType) {
    const bytes = await readBlob(source, config, { ...options, limit: configLimit })
    return {
      records: parseCacheDocument(parseJson(bytes, 'the cache')),
      blobs: new Map(
        layers.flatMap((blob) => {
          const id = blob.annotations?.[uncompressedAnnotation]
          return id !== undefined && isDigest(id) ? [[id, blob] as const] : []
        }),
      ),
    }
  }
  if (!isConfigType(config.mediaType)) throw new GantryError('invalid_argument', 'CACHE_INVALID', 'it is no build cache')
  return await readInline(source, manifest, options)
}

/** The cache that an image's own config holds. */
const readInline = async (source: ImageSource, manifest: Manifest, options: Abortable): Promise<ReadCache> => {
  const image = parseImageConfig(await readBlob(source, manifest.config, { ...options, limit: configLimit }))
  const fields = new Map<string, unknown>(Object.entries(image))
  const value = fields.get(inlineField)
  if (value === undefined && fields.has(buildkitInlineField)) throw fromBuildkit()
  if (typeof value !== 'string')
    throw new GantryError('not_found', 'CACHE_NONE', 'the image holds no cache', {
      hint: 'build it with --cache-to type=inline',
    })
  const ids = image.rootfs.diff_ids
  const blobs = ids.length === manifest.layers.length ? manifest.layers : []
  return {
    records: parseCacheDocument(parseJson(Buffer.from(value, 'base64'), 'the cache')),
    blobs: new Map(blobs.map((blob, index) => [ids[index] ?? '', blob])),
  }
}
