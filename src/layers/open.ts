import { writeFile } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'
import { exists } from './derived.ts'
import { createErofsDriver } from './erofs-driver.ts'
import { createFolderDriver } from './folder-driver.ts'
import type { Leases } from '../lib/leases.ts'
import type { LayerStore } from './interfaces.ts'
import { createLayerStore } from './layer-store.ts'
import { mountRights } from './mount-rights.ts'
import { canMountErofs } from './probe.ts'
import { TarLayers } from './tar-layers.ts'

export interface OpenLayerStoreOptions {
  /** gantry's root folder; the layers are in `layers` below it. */
  readonly root: string
  /** Default: 'erofs' where it can be mounted, else 'folder'. Both keep layers in the same way, so one root may be used with either. */
  readonly driver?: 'erofs' | 'folder'
  /** The leases of this process, where other stores share them. */
  readonly leases?: Leases
  /** Most bytes that a layer's tar may have. Default: what the disk has room for. */
  readonly maxTarSize?: number
}

/** The layer store of a root folder. What the machine can mount is found out when something is to be mounted first. */
export const openLayerStore = async (options: OpenLayerStoreOptions): Promise<LayerStore> => {
  const { root, driver, ...others } = options
  const layers = new TarLayers({ folder: join(root, 'layers'), ...others })
  return createLayerStore(layers, async () => {
    const rights = await mountRights()
    if (driver === 'erofs' || (driver === undefined && rights === 'all' && (await mountsErofs(root))))
      return createErofsDriver(layers)
    return createFolderDriver(layers, rights !== 'all')
  })
}

/** Whether EROFS can be mounted; once it could, that is remembered for this kernel, since trying takes a tenth of what a short run does. */
const mountsErofs = async (root: string): Promise<boolean> => {
  const mark = join(root, 'layers', `erofs-${release()}`)
  if (exists(mark)) return true
  if ((await canMountErofs(root)) !== undefined) return false
  await writeFile(mark, '')
  return true
}
