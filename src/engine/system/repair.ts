import { copyBlob } from '../../content/copy/copy-blob.ts'
import type { DiskStore } from '../../content/interfaces.ts'
import type { LayerStore } from '../../layers/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError, messageOf, throwIfAborted } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import { layerCompression } from '../../oci/media-type.ts'
import { familiarName, parseReference } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { survey, type Survey } from './survey.ts'
import { rootsOf, type Damage, type Verified } from './verify.ts'

/** What became of a damage: how it was set right, or why it could not be. */
export type Repair = { readonly damage: Damage; readonly repaired: string } | { readonly damage: Damage; readonly failed: string }

/**
 * Removes what is damaged and brings it again: a blob from an intact layer that has the same bytes, else from the registry that its
 * images' names say; a layer from its blob. What is fetched is verified as always. Manifests may show more that is missing, which is
 * brought too.
 */
export const repairStores = async (engine: Engine, verified: Verified, options: Abortable = {}): Promise<readonly Repair[]> => {
  const [store, layers] = await Promise.all([engine.content(), engine.layers()])
  await using _lease = await store.lease()
  const repairer = new Repairer(engine, store, layers, verified.damages, options)
  let known = verified.survey
  let damages: readonly Damage[] = verified.damages.filter(({ kind }) => kind !== 'layer')
  // each round may bring a manifest that names what the next one brings
  for (let round = 0; damages.length > 0 && round < 8; round++) {
    for (const damage of damages) await repairer.repairBlob(damage, known)
    known = await survey(store, await rootsOf(engine))
    damages = repairer.newDamages(known)
  }
  for (const damage of verified.damages) if (damage.kind === 'layer') await repairer.repairLayer(damage, known)
  return await repairer.takeFromRepaired()
}

class Repairer {
  readonly repairs: Repair[] = []
  readonly #engine: Engine
  readonly #store: DiskStore
  readonly #layers: LayerStore
  readonly #options: Abortable
  readonly #damagedLayers: Set<Digest>
  readonly #tried = new Set<Digest>()

  constructor(engine: Engine, store: DiskStore, layers: LayerStore, damages: readonly Damage[], options: Abortable) {
    this.#engine = engine
    this.#store = store
    this.#layers = layers
    this.#options = options
    this.#damagedLayers = new Set(damages.filter(({ kind }) => kind === 'layer').map(({ digest }) => digest))
  }

  /** A blob, or an index that was made again while it was looked at. */
  async repairBlob(damage: Damage, known: Survey): Promise<void> {
    throwIfAborted(this.#options.signal)
    const { descriptor, digest } = damage
    if (damage.repaired !== undefined) return void this.repairs.push({ damage, repaired: damage.repaired })
    // one that cannot be brought again is removed all the same: it would be taken for the right one when it is pulled next
    const removed = (await this.#store.delete(digest)) ? 'removed; ' : ''
    if (descriptor === undefined) return void this.repairs.push({ damage, repaired: 'removed; nothing needs it' })
    this.#tried.add(digest)
    try {
      const how = (await this.#linkLayer(descriptor)) ?? (await this.#fetch(descriptor, known))
      this.repairs.push({ damage, repaired: how })
    } catch (error) {
      if (!isGantryError(error) || error.kind === 'canceled') throw error
      this.repairs.push({ damage, failed: `${removed}${messageOf(error)}` })
    }
  }

  /** What is missing now and was not known to be. */
  newDamages(known: Survey): readonly Damage[] {
    return [...known.blobs.values()]
      .filter(({ damage, descriptor }) => damage !== undefined && !this.#tried.has(descriptor.digest))
      .map(({ descriptor, users, damage }) => ({
        kind: 'blob',
        digest: descriptor.digest,
        descriptor,
        reason: damage ?? '',
        usedBy: [...users],
      }))
  }

  async repairLayer(damage: Damage, known: Survey): Promise<void> {
    throwIfAborted(this.#options.signal)
    const { digest } = damage
    await this.#layers.remove(digest)
    const blob = known.layers.get(digest)?.blob
    const compression = blob === undefined ? undefined : layerCompression(blob.mediaType)
    if (damage.usedBy.length === 0)
      return void this.repairs.push({ damage, repaired: 'removed; no image needs it, and a build makes it again' })
    if (blob === undefined || compression === undefined || !(await this.#store.has(blob)))
      return void this.repairs.push({ damage, failed: 'removed; no blob is here that it could be made of' })
    try {
      await this.#layers.add(digest, await this.#store.open(blob, this.#options), { compression, ...this.#options })
      this.#damagedLayers.delete(digest)
      this.repairs.push({ damage, repaired: `made again from ${blob.digest}` })
    } catch (error) {
      if (!isGantryError(error) || error.kind === 'canceled') throw error
      this.repairs.push({ damage, failed: `removed; ${messageOf(error)}` })
    }
  }

  /** All repairs, once blobs that were not to be had elsewhere are taken from layers that were made again meanwhile. */
  async takeFromRepaired(): Promise<readonly Repair[]> {
    const again = async (repair: Repair): Promise<Repair> => {
      const { damage } = repair
      if (!('failed' in repair) || damage.kind === 'layer' || damage.descriptor === undefined) return repair
      const repaired = await this.#linkLayer(damage.descriptor)
      return repaired === undefined ? repair : { damage, repaired }
    }
    const repairs: Repair[] = []
    for (const repair of this.repairs) repairs.push(await again(repair))
    return repairs
  }

  /** An uncompressed layer's blob is the tar of the layer store, where that is intact. */
  async #linkLayer(descriptor: Descriptor): Promise<string | undefined> {
    if (layerCompression(descriptor.mediaType) !== 'none' || this.#damagedLayers.has(descriptor.digest)) return undefined
    const tar = await this.#layers.tarFile(descriptor.digest)
    if (tar === undefined) return undefined
    try {
      await this.#store.link(descriptor, tar, { ...this.#options, verify: true })
      return 'taken from the layer'
    } catch (error) {
      if (isGantryError(error, 'data_loss')) return undefined
      throw error
    }
  }

  /** Fetches a blob from the first registry that an image's name says and that has it. */
  async #fetch(descriptor: Descriptor, known: Survey): Promise<string> {
    const users = [...(known.blobs.get(descriptor.digest)?.users ?? [])].filter((name) => !isDigest(name))
    if (users.length === 0)
      throw new GantryError('not_found', 'NO_ORIGIN', 'it cannot be fetched: no name says where the image came from')
    const registry = await this.#engine.registry()
    let failure: unknown
    for (const name of new Set(users.map((user) => user.replace(/:[^/:]*$/, '')))) {
      const reference = parseReference(name)
      try {
        await copyBlob(registry.repository(reference), this.#store, descriptor, { ...this.#options, onEvent: () => undefined })
        return `fetched again from ${familiarName(reference)}`
      } catch (error) {
        if (!isGantryError(error) || error.kind === 'canceled') throw error
        failure = error
      }
    }
    throw failure
  }
}
