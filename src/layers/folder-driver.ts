import { join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import { chainIds } from '../oci/chain-id.ts'
import { makeDerived } from './derived.ts'
import { fileNameOf } from './layer-paths.ts'
import { fitsOver, overlayOf, type StackDriver } from './stack-driver.ts'
import type { StoredInfo } from './stored-info.ts'
import type { TarLayers } from './tar-layers.ts'
import type { UnpackJob } from './unpack.ts'

/**
 * Unpacks layers into folders, each once, when they are first to be mounted, and puts overlayfs over them: for kernels without EROFS, and
 * for users who may mount only in a user namespace. The tars are kept: they are what is read, exported and verified, and know what a
 * user could not create; the folders can be made again from them.
 */
export const createFolderDriver = (layers: TarLayers, userXattr: boolean): StackDriver => ({
  prepare: async (stack, options) => void (await unpackStack(layers, stack, userXattr, options)),
  mounts: async (stack, place) => [await overlayOf(await unpackStack(layers, stack, userXattr), place, userXattr)],
})

/** The folders of the layers, base first; those that an opaque root hides are not needed. */
const unpackStack = async (
  layers: TarLayers,
  stack: readonly StoredInfo[],
  userXattr: boolean,
  options?: Abortable,
): Promise<readonly string[]> => {
  const { folder, paths } = layers
  const chain = chainIds(stack.map(({ diffId }) => diffId))
  await layers.leases.rely(chain)
  const unpack = async (layer: StoredInfo, index: number): Promise<string> => {
    const below = stack.slice(0, index)
    const fits = await fitsOver(layers, layer, below)
    // what overlayfs would get wrong is unpacked for this place in this stack alone
    const name = fits ? fileNameOf(layer.diffId) : `${fileNameOf(chain[index] ?? layer.diffId)}-placed`
    const target = join(paths.unpacked, userXattr ? `${name}-user` : name)
    const job = (temporary: string): UnpackJob => ({
      kind: 'unpack',
      folder,
      temporary,
      target,
      layer: layer.diffId,
      below: fits ? undefined : below.map(({ diffId }) => diffId),
      userXattr,
    })
    await makeDerived(layers, target, job, options)
    return join(target, 'root')
  }
  const bottom = Math.max(
    0,
    stack.findLastIndex(({ opaqueRoot }) => opaqueRoot),
  )
  return await Promise.all(stack.slice(bottom).map((layer, index) => unpack(layer, bottom + index)))
}
