import { blobSize } from '../../content/blob-files.ts'
import type { DiskStore } from '../../content/interfaces.ts'
import { readManifest, type ReadManifest } from '../../content/read-blob.ts'
import { isManifestLike } from '../../content/walk.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest, DiffId } from '../../oci/digest.ts'
import { configLimit, parseImageConfig } from '../../oci/image-config.ts'
import { isAttestation } from '../../oci/manifest.ts'
import { isConfigType, isNonDistributable } from '../../oci/media-type.ts'

/** A blob that an image needs. */
export interface NeededBlob {
  readonly descriptor: Descriptor
  readonly role: 'index' | 'manifest' | 'config' | 'layer'
  /** Names of the images that need it; a nameless image by its digest. */
  readonly users: Set<string>
  /** What is wrong with it as far as that shows without hashing it: it is missing, too short, no manifest. */
  damage?: string
}

/** What the images of a store need. */
export interface Survey {
  readonly blobs: ReadonlyMap<Digest, NeededBlob>
  /** The layers, each with a blob that it can be made of. */
  readonly layers: ReadonlyMap<DiffId, { readonly blob: Descriptor; readonly users: Set<string> }>
}

/** An image to begin with. */
export interface Root {
  /** Its full name; the digest of a nameless one. */
  readonly user: string
  readonly descriptor: Descriptor
  /** It is an index that was made here of images that may be elsewhere. */
  readonly isList?: boolean
}

/**
 * Reads all that the named images lead to, however damaged it is. A manifest that an index names and that was never fetched is no
 * damage, as long as another one of the index is here.
 */
export const survey = async (store: DiskStore, roots: readonly Root[]): Promise<Survey> => {
  const surveyor = new Surveyor(store)
  for (const root of roots) await surveyor.visit(root)
  return surveyor
}

class Surveyor implements Survey {
  readonly blobs = new Map<Digest, NeededBlob>()
  readonly layers = new Map<DiffId, { readonly blob: Descriptor; readonly users: Set<string> }>()
  readonly #store: DiskStore

  constructor(store: DiskStore) {
    this.#store = store
  }

  async visit({ descriptor, user, isList = false }: Root): Promise<void> {
    const needed = this.#need(descriptor, 'manifest', user)
    if (needed.damage !== undefined) return
    let read: ReadManifest
    try {
      read = await readManifest(this.#store, descriptor)
    } catch (error) {
      needed.damage = reasonOf(error)
      return
    }
    if (read.kind === 'manifest') return this.#visitManifest(read.manifest.config, read.manifest.layers, user)
    const present = read.index.manifests.filter((child) => blobSize(this.#store.folder, child.digest) !== undefined)
    const images = present.filter((child) => !isAttestation(child))
    if (!isList && images.length === 0 && read.index.manifests.length > 0)
      needed.damage = 'none of the manifests that it names is here'
    for (const child of present)
      if (!isManifestLike(child)) this.#need(child, 'layer', user)
      else if (!this.#visited(child, user)) await this.visit({ descriptor: child, user })
  }

  /** Guards against indexes that name each other in circles, which only a damaged one can. */
  #visited({ digest }: Descriptor, user: string): boolean {
    return this.blobs.get(digest)?.users.has(user) === true
  }

  #visitManifest(config: Descriptor, layers: readonly Descriptor[], user: string): void {
    for (const layer of layers) if (!isNonDistributable(layer.mediaType)) this.#need(layer, 'layer', user)
    const needed = this.#need(config, 'config', user)
    if (needed.damage !== undefined || !isConfigType(config.mediaType)) return
    try {
      const diffIds = parseImageConfig(this.#store.read(config, configLimit)).rootfs.diff_ids
      if (diffIds.length !== layers.length) return
      for (const [index, diffId] of diffIds.entries()) {
        const known = this.layers.get(diffId)
        if (known === undefined) this.layers.set(diffId, { blob: layers[index] as Descriptor, users: new Set([user]) })
        else known.users.add(user)
      }
    } catch (error) {
      needed.damage = reasonOf(error)
    }
  }

  #need(descriptor: Descriptor, role: NeededBlob['role'], user: string): NeededBlob {
    const known = this.blobs.get(descriptor.digest)
    if (known !== undefined) {
      known.users.add(user)
      return known
    }
    const size = blobSize(this.#store.folder, descriptor.digest)
    const needed: NeededBlob = { descriptor, role, users: new Set([user]) }
    if (size === undefined) needed.damage = 'it is missing'
    else if (size !== descriptor.size) needed.damage = `it has ${size} bytes and not ${descriptor.size}`
    this.blobs.set(descriptor.digest, needed)
    return needed
  }
}

const reasonOf = (error: unknown): string => {
  if (!isGantryError(error)) throw error
  return error instanceof GantryError ? error.message.replace(/^Cannot [a-z]+ "[^"]*": /, '') : ''
}
