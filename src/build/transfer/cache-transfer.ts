import type { DiffId } from '../../oci/digest.ts'
import { cacheRecords } from '../cache.ts'
import type { FilesResult } from '../execute/executor.ts'
import { hashOf } from '../graph.ts'
import type { BuildServices } from '../interfaces.ts'
import { encodeCacheDocument, inlineField, type TransferredRecord } from './cache-document.ts'
import { parseCacheFrom, parseCacheTo, type CacheTarget } from './cache-location.ts'
import { exportCache } from './export-cache.ts'
import { ImportedCaches, type ImportedLayer, type ImportOptions } from './imported-caches.ts'

export interface CacheTransferOptions {
  /** As `--cache-from` is written, the first first. */
  readonly cacheFrom?: readonly string[]
  /** As `--cache-to` is written. */
  readonly cacheTo?: readonly string[]
  readonly noCache?: boolean
}

/** What a build has to do with caches elsewhere: it asks them for what is not here, and tells them what its steps made. */
export class CacheTransfer {
  readonly #imported: ImportedCaches
  readonly #targets: readonly CacheTarget[]
  readonly #services: BuildServices
  readonly #around: ImportOptions
  /** By all keys that are known. */
  readonly #records = new Map<string, TransferredRecord>()
  /** By the first key of each step, which is known in every build. */
  readonly #firsts = new Map<string, TransferredRecord>()

  constructor(
    { cacheFrom = [], cacheTo = [], noCache = false }: CacheTransferOptions,
    services: BuildServices,
    around: ImportOptions,
  ) {
    const locations = cacheFrom.map(parseCacheFrom)
    this.#targets = cacheTo.map(parseCacheTo)
    this.#imported = new ImportedCaches(noCache ? [] : locations, services, around)
    this.#services = services
    this.#around = around
  }

  async find(inputs: unknown): Promise<ImportedLayer | undefined> {
    return await this.#imported.find(hashOf(inputs))
  }

  /** Remembers what a step made, or would have made, by all its keys that are known. */
  note(keys: readonly unknown[], { layer, time }: Pick<TransferredRecord, 'layer' | 'time'>): void {
    if (this.#targets.length === 0) return
    for (const [index, inputs] of keys.entries()) {
      const record = { key: hashOf(inputs), layer, time }
      this.#records.set(record.key, record)
      if (index === 0) this.#firsts.set(record.key, record)
    }
  }

  /** What an image's config has besides: the cache of its own layers, if it is to hold it. The same whether or not its steps were cached. */
  fields({ layers }: Pick<FilesResult, 'layers'>): Readonly<Record<string, unknown>> {
    if (!this.#targets.some(({ location }) => location.type === 'inline')) return {}
    const own = new Set<DiffId>(layers.map(({ diffId }) => diffId))
    const records = [...this.#firsts.values()].filter(({ layer }) => own.has(layer))
    return { [inlineField]: Buffer.from(JSON.stringify(encodeCacheDocument(records))).toString('base64') }
  }

  /** Writes all caches that were asked for. */
  async export(results: readonly FilesResult[]): Promise<void> {
    const targets = this.#targets.filter(({ location }) => location.type !== 'inline')
    if (targets.length === 0) return
    const layers = new Set(results.flatMap((result) => result.layers.map(({ diffId }) => diffId)))
    await this.#addKnown()
    const options = { ...this.#around, imported: this.#imported, layers }
    for (const target of targets) await exportCache(target, [...this.#records.values()], this.#services, options)
  }

  /** Adds the keys by which earlier builds came to the same layers: a step that was found by one of them needed no others. */
  async #addKnown(): Promise<void> {
    const layers = new Set([...this.#records.values()].map(({ layer }) => layer))
    for (const { key, layer, time } of await cacheRecords(this.#services.cacheFolder))
      if (layers.has(layer) && !this.#records.has(key)) this.#records.set(key, { key, layer, time })
  }
}
