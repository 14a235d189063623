import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import type { Mount } from '../lib/mount.ts'
import { chainIds } from '../oci/chain-id.ts'
import type { ChainId } from '../oci/digest.ts'
import { exists, makeDerived } from './derived.ts'
import { mergedPath } from './layer-paths.ts'
import type { LayerJob } from './layer.worker.ts'
import { fitsOver, overlayOf, type StackDriver } from './stack-driver.ts'
import type { StoredInfo } from './stored-info.ts'
import type { TarLayers } from './tar-layers.ts'

/**
 * Most layers that overlayfs puts over each other before an index over all of them is made. A mount more costs about a millisecond, an
 * index over a large image a few hundred: so the steps of a build do not each make one, and an image of many layers has one.
 */
const stackLimit = 8

/** Something that is mounted on its own: an index and the layers that it points into. */
interface Part {
  readonly index: string
  readonly layers: readonly StoredInfo[]
}

/**
 * Mounts layers without unpacking them: a layer's index, or one that merges those of several, is an EROFS image whose files are in the
 * layers' tars. An image is an overlay of its layers while they are few, and else one mount, so it may have any number.
 */
export const createErofsDriver = (layers: TarLayers): StackDriver => ({
  prepare: async (stack, options) => void (await partsOf(layers, stack, options)),
  mounts: async (stack, place) => {
    const parts = await partsOf(layers, stack)
    const mount = (part: Part, target: string): Mount => ({
      kind: 'erofs',
      target,
      image: part.index,
      devices: part.layers.map(({ diffId }) => layers.paths.tar(diffId)),
    })
    const [only] = parts
    if (only !== undefined && parts.length === 1 && place.upper === undefined) return [mount(only, place.target)]
    const folders = parts.map((_, index) => join(place.scratch, `layer-${index}`))
    for (const folder of folders) mkdirSync(folder, { recursive: true })
    const images = parts.map((part, index) => mount(part, folders[index] as string))
    return [...images, await overlayOf(folders, place)]
  },
})

/** What the stack is mounted from, base first; makes what is missing. */
const partsOf = async (layers: TarLayers, stack: readonly StoredInfo[], options?: Abortable): Promise<readonly Part[]> => {
  const single = (layer: StoredInfo): Part => ({ index: layers.paths.index(layer.diffId), layers: [layer] })
  // asks for no chain ID
  if (await canStack(layers, stack)) return stack.map(single)
  const chainId = chainOf(layers, stack)
  const merged = async (count: number): Promise<Part> => ({
    index: join(mergedPath(layers.paths, await chainId(count)), 'index'),
    layers: stack.slice(0, count),
  })
  const anyMerged = holdsAnything(layers.paths.merged)
  // the longest part of the stack that has an index, and single layers over it
  for (let count = stack.length; count > 0 && stack.length - count < stackLimit; count--) {
    const base = count === 1 && stack[0]?.alone === true ? single(stack[0]) : anyMerged ? await merged(count) : undefined
    if (base !== undefined && exists(base.index)) return [base, ...stack.slice(count).map(single)]
    if (!(await fitsOver(layers, stack[count - 1] as StoredInfo, stack.slice(0, count - 1)))) break
  }
  if (stack.length === 0) return []
  const whole = await chainId(stack.length)
  const { folder } = layers
  const job = (temporary: string): LayerJob => ({ kind: 'merge', folder, temporary, chainId: whole, layers: stack })
  await makeDerived(layers, mergedPath(layers.paths, whole), job, options)
  return [await merged(stack.length)]
}

/** Whether a stack is few layers that overlayfs can put over each other as they are. */
const canStack = async (layers: TarLayers, stack: readonly StoredInfo[]): Promise<boolean> => {
  if (stack.length > stackLimit || stack[0]?.alone !== true) return false
  for (const [below, layer] of stack.entries())
    if (below > 0 && !(await fitsOver(layers, layer, stack.slice(0, below)))) return false
  return true
}

/**
 * The chain ID of so many layers of a stack, which is relied on from then on. All are computed when the first is asked for: of few
 * layers none may be, and it takes node:crypto.
 */
const chainOf = (layers: TarLayers, stack: readonly StoredInfo[]): ((count: number) => Promise<ChainId>) => {
  let ids: readonly ChainId[] | undefined
  return async (count) => {
    if (ids === undefined) {
      ids = chainIds(stack.map(({ diffId }) => diffId))
      await layers.leases.rely(ids)
    }
    return ids[count - 1] as ChainId
  }
}

const holdsAnything = (folder: string): boolean => exists(folder) && readdirSync(folder).length > 0
