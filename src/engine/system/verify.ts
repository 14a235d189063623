import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { blobPath, blobSize } from '../../content/blob-files.ts'
import { createFileDigester } from '../../content/digest-files.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { throwIfAborted } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestAlgorithm, type Digest } from '../../oci/digest.ts'
import { isIndexType } from '../../oci/media-type.ts'
import { listContainers } from '../containers/records.ts'
import type { Engine } from '../engine.ts'
import { findImage } from '../images/lookup.ts'
import { isOwnList } from '../manifests/manifest-list.ts'
import { survey, type Root, type Survey } from './survey.ts'

/** Something that is not as its digest says, or that is not there and is needed. */
export interface Damage {
  /** `index`: what is mounted of a layer; `merged index`: of several. */
  readonly kind: 'blob' | 'manifest' | 'config' | 'layer blob' | 'layer' | 'index' | 'merged index'
  readonly digest: Digest
  /** In words. */
  readonly reason: string
  /** Full names of the images, digests of nameless ones, and containers, that need it; none for what nothing needs. */
  readonly usedBy: readonly string[]
  /** A layer's or a blob's descriptor, where it is known what it is. */
  readonly descriptor?: Descriptor
  /** It was set right while it was found. */
  readonly repaired?: string
}

export interface Progress {
  /** Bytes that are hashed already, and all of them. */
  readonly done: number
  readonly total: number
}

export interface VerifyOptions extends Abortable {
  /** Only what these images need. Default: all that there is. */
  readonly images?: readonly string[]
  /** Make indexes again where the layer is intact. */
  readonly repair?: boolean
  readonly onProgress?: (progress: Progress) => void
}

export interface Verified {
  readonly blobs: number
  readonly layers: number
  readonly bytes: number
  readonly damages: readonly Damage[]
  readonly survey: Survey
}

/**
 * Hashes blobs and layers again, on all cores, compares indexes with what the tars give, and looks whether all that the images and the
 * containers need is there. Others may work meanwhile; what they remove is no damage.
 */
export const verifyStores = async (engine: Engine, options: VerifyOptions = {}): Promise<Verified> => {
  const store = await engine.content()
  const roots = await rootsOf(engine, options.images)
  const before = await survey(store, roots)
  const job = new Verification(engine, options, before)
  await job.plan()
  await job.verifyLayers()
  await job.verifyBlobs()
  return await job.finish(options.images === undefined ? await rootsOf(engine) : roots)
}

/** All that has a name, or the images that are asked for. */
export const rootsOf = async (engine: Engine, images?: readonly string[]): Promise<readonly Root[]> => {
  const roots: Root[] = []
  if (images === undefined)
    for (const { name, descriptor } of await (await engine.content()).names()) {
      const isList = name !== undefined && isIndexType(descriptor.mediaType) && (await isOwnList(engine, name))
      roots.push({ user: name ?? descriptor.digest, descriptor, isList })
    }
  for (const text of images ?? []) {
    const { name, names, target } = await findImage(engine, text)
    roots.push({ user: name ?? names[0] ?? target.digest, descriptor: target })
  }
  return roots
}

const kinds = { index: 'manifest', manifest: 'manifest', config: 'config', layer: 'layer blob' } as const

class Verification {
  readonly #engine: Engine
  readonly #options: VerifyOptions
  readonly #before: Survey
  /** What is wrong, by digest, as hashing has shown. */
  readonly #blobs = new Map<Digest, string>()
  readonly #layers = new Map<Digest, Damage>()
  readonly #merged: Damage[] = []
  #blobList: Digest[] = []
  #layerList: Digest[] = []
  /** Files whose bytes are known to be right: blobs may be links to layers' tars. */
  readonly #right = new Set<string>()
  #done = 0
  #total = 0

  constructor(engine: Engine, options: VerifyOptions, before: Survey) {
    this.#engine = engine
    this.#options = options
    this.#before = before
  }

  /** What is to be hashed. */
  async plan(): Promise<void> {
    const [store, layers] = await Promise.all([this.#engine.content(), this.#engine.layers()])
    const all = this.#options.images === undefined
    for await (const { digest, size } of store.list()) {
      if (!all && !this.#before.blobs.has(digest)) continue
      this.#blobList.push(digest)
      this.#total += size
    }
    for await (const id of layers.list()) {
      if (!all && !this.#before.layers.has(id)) continue
      this.#layerList.push(id)
      this.#total += await this.#tarSize(id)
    }
  }

  async verifyLayers(): Promise<void> {
    const layers = await this.#engine.layers()
    const options = this.#options.repair === true ? { repair: true } : {}
    await mapConcurrent(this.#layerList, availableParallelism(), async (id) => {
      throwIfAborted(this.#options.signal)
      const size = await this.#tarSize(id)
      const check = await layers.verify(id, options)
      this.#progress(size)
      const reason = check.tar ?? check.index
      const tar = await layers.tarFile(id)
      if (check.tar === undefined && tar !== undefined) this.#right.add(fileOf(tar))
      // one that somebody has removed meanwhile is no damage
      if (reason === undefined || tar === undefined) return
      const repaired = check.repaired === true ? { repaired: 'made again from the tar' } : {}
      this.#layers.set(id, { kind: check.tar === undefined ? 'index' : 'layer', digest: id, reason, usedBy: [], ...repaired })
    })
    // what they are made of may be of other images
    if (this.#options.images !== undefined) return
    for await (const { id, index: reason, repaired } of layers.verifyMerged(options))
      if (reason !== undefined)
        this.#merged.push({
          kind: 'merged index',
          digest: id,
          reason,
          usedBy: [],
          ...(repaired === true ? { repaired: 'removed; it is made again when it is needed' } : {}),
        })
  }

  async verifyBlobs(): Promise<void> {
    const { folder } = await this.#engine.content()
    await using digester = createFileDigester()
    await mapConcurrent(this.#blobList, availableParallelism(), async (digest) => {
      throwIfAborted(this.#options.signal)
      const path = blobPath(folder, digest)
      const size = blobSize(folder, digest)
      if (size === undefined) return
      if (!this.#right.has(fileOf(path))) {
        const actual = await digester.digest({ path, algorithm: digestAlgorithm(digest) })
        if (actual !== undefined && actual !== digest) this.#blobs.set(digest, `its ${size} bytes have the digest "${actual}"`)
      }
      this.#progress(size)
    })
  }

  /** All damage, with what uses it as it is now. */
  async finish(roots: readonly Root[]): Promise<Verified> {
    const after = await survey(await this.#engine.content(), roots)
    const damages = [...this.#damagedBlobs(after), ...(await this.#damagedLayers(after)), ...this.#merged]
    return {
      blobs: this.#blobList.length,
      layers: this.#layerList.length,
      bytes: this.#total,
      damages,
      survey: after,
    }
  }

  *#damagedBlobs(after: Survey): Iterable<Damage> {
    for (const [digest, { descriptor, role, users, damage }] of after.blobs) {
      const reason = damage ?? this.#blobs.get(digest)
      if (reason !== undefined) yield { kind: kinds[role], digest, reason, usedBy: [...users], descriptor }
    }
    for (const [digest, reason] of this.#blobs) if (!after.blobs.has(digest)) yield { kind: 'blob', digest, reason, usedBy: [] }
  }

  async #damagedLayers(after: Survey): Promise<readonly Damage[]> {
    const layers = await this.#engine.layers()
    const users = new Map<Digest, string[]>([...after.layers].map(([id, layer]) => [id, [...layer.users]]))
    const damages = new Map(this.#layers)
    for (const container of await listContainers(this.#engine))
      for (const id of container.layers) {
        users.set(id, [...(users.get(id) ?? []), `container ${container.name}`])
        if (this.#options.images !== undefined || damages.has(id) || (await layers.has(id))) continue
        damages.set(id, { kind: 'layer', digest: id, reason: 'it is missing', usedBy: [] })
      }
    return [...damages.values()].map((damage) => {
      const blob = after.layers.get(damage.digest)?.blob
      return { ...damage, usedBy: users.get(damage.digest) ?? [], ...(blob === undefined ? {} : { descriptor: blob }) }
    })
  }

  async #tarSize(id: Digest): Promise<number> {
    const tar = await (await this.#engine.layers()).tarFile(id)
    return (tar === undefined ? undefined : statSync(tar, { throwIfNoEntry: false })?.size) ?? 0
  }

  #progress(bytes: number): void {
    this.#done += bytes
    this.#options.onProgress?.({ done: this.#done, total: this.#total })
  }
}

/** The same for all names of one file. */
const fileOf = (path: string): string => {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? path : `${stats.dev}:${stats.ino}`
}
