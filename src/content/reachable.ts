import type { Abortable } from '../lib/bytes.ts'
import { isGantryError } from '../lib/errors.ts'
import { chainIds } from '../oci/chain-id.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest, type DiffId } from '../oci/digest.ts'
import { configLimit, parseImageConfig } from '../oci/image-config.ts'
import { isConfigType } from '../oci/media-type.ts'
import { blobSize } from './blob-files.ts'
import { manifestOf } from './disk-store/garbage.ts'
import type { DiskStore } from './interfaces.ts'
import { walk } from './walk.ts'

/** Finds all that roots need, and goes on from there when there are more. */
export class Reachable {
  /** Digests. */
  readonly blobs = new Set<string>()
  /** Diff IDs and chain IDs of the layers that the images' configs name. */
  readonly layers = new Set<string>()
  readonly #store: DiskStore
  readonly #options: Abortable
  readonly #seen = new Set<Digest>()
  /** What was not there or could not be read: somebody may have brought it when it is looked for again. */
  #missing: Descriptor[] = []
  #unread: Descriptor[] = []

  constructor(store: DiskStore, options: Abortable = {}) {
    this.#store = store
    this.#options = options
  }

  /** Adds all that the roots lead to. Children that were never fetched, and configs that are damaged or no image's, are passed over. */
  async add(roots: Iterable<Descriptor>): Promise<void> {
    const again = this.#missing
    const configs = this.#unread
    this.#missing = []
    for (const { digest } of again) this.#seen.delete(digest)
    for await (const reached of walk(this.#store, [...again, ...roots], { ...this.#options, seen: this.#seen })) {
      const { kind, descriptor } = reached
      this.blobs.add(descriptor.digest)
      if (kind === 'missing') this.#missing.push(descriptor)
      else if (kind === 'blob' && reached.role === 'config' && isConfigType(descriptor.mediaType)) configs.push(descriptor)
    }
    this.#unread = configs.filter((config) => !this.#addConfig(config))
  }

  /** False if the config cannot be read. */
  #addConfig(config: Descriptor): boolean {
    try {
      this.addLayers(parseImageConfig(this.#store.read(config, configLimit)).rootfs.diff_ids)
      return true
    } catch (error) {
      if (isGantryError(error)) return false
      throw error
    }
  }

  /** Adds a stack of layers, base first. */
  addLayers(layers: readonly DiffId[]): void {
    for (const id of [...layers, ...chainIds(layers)]) this.layers.add(id)
  }

  /** Adds what live processes rely on; a manifest with all that it leads to. */
  async addLeases(leases: Iterable<Iterable<string>>): Promise<void> {
    for (const relied of leases)
      for (const name of relied) {
        if (isDigest(name) && !this.#seen.has(name)) {
          const size = blobSize(this.#store.folder, name)
          const manifest = size === undefined ? undefined : manifestOf(this.#store, name, size)
          if (manifest !== undefined) await this.add([manifest])
        }
        this.blobs.add(name)
        this.layers.add(name)
      }
  }
}
