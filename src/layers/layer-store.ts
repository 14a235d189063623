import type { DiffId } from '../oci/digest.ts'
import { dropDerived } from './derived.ts'
import { createErofsDriver } from './erofs-driver.ts'
import { createFolderDriver } from './folder-driver.ts'
import { findGarbage, layerPlaces } from './garbage.ts'
import type { LayerStore } from './interfaces.ts'
import { mountRights } from './mount-rights.ts'
import type { StackDriver } from './stack-driver.ts'
import type { StoredInfo } from './stored-info.ts'
import { TarLayers, type TarLayersOptions } from './tar-layers.ts'
import { verifyMerged, verifyStored } from './verify-store.ts'

/** The layer store that mounts layers with EROFS, unpacking nothing. */
export const createTarLayerStore = (options: TarLayersOptions): LayerStore => {
  const layers = new TarLayers(options)
  return createLayerStore(layers, async () => createErofsDriver(layers))
}

/** The layer store that unpacks layers into folders. */
export const createFolderLayerStore = (options: TarLayersOptions): LayerStore => {
  const layers = new TarLayers(options)
  return createLayerStore(layers, async () => createFolderDriver(layers, (await mountRights()) !== 'all'))
}

/** A layer store whose driver is chosen when something is to be mounted first. */
export const createLayerStore = (layers: TarLayers, choose: () => Promise<StackDriver>): LayerStore => {
  let chosen: Promise<StackDriver> | undefined
  const driver = (): Promise<StackDriver> => (chosen ??= choose())
  const infos = async (ids: readonly DiffId[]): Promise<StoredInfo[]> => {
    await layers.leases.rely(ids)
    return await Promise.all(ids.map((id) => layers.info(id)))
  }
  return {
    has: (id) => layers.has(id),
    info: (id) => layers.info(id),
    add: (id, bytes, options) => layers.add(id, bytes, options),
    create: (tar, options) => layers.create(tar, options),
    open: (id) => layers.open(id),
    tarFile: (id) => layers.tarFile(id),
    list: () => layers.list(),
    garbage: (used) => findGarbage(layers, used),
    places: () => layerPlaces(layers),
    verify: (id, options) => verifyStored(layers, id, options),
    verifyMerged: (options) => verifyMerged(layers, options),
    removeLeftovers: () => layers.workspace.sweep(),
    mounts: async (ids, place) => await (await driver()).mounts(await infos(ids), place),
    prepare: async (ids, options) => {
      const stack = await infos(ids)
      // who cannot mount may leave it to the one who will, who knows better what it takes
      if ((await mountRights()) !== 'none') await (await driver()).prepare(stack, options)
    },
    remove: async (id) => {
      await dropDerived(layers, id)
      return await layers.remove(id)
    },
  }
}
