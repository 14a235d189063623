import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import type { Mount } from '../lib/mount.ts'
import { chainIds } from '../oci/chain-id.ts'
import type { DiffId } from '../oci/digest.ts'
import type { LayerStore, UpperFolder } from './interfaces.ts'
import { MergedIndexes } from './merged-indexes.ts'
import type { StoredInfo } from './stored-info.ts'
import { TarLayers, type TarLayersOptions } from './tar-layers.ts'

/**
 * Most layers that overlayfs puts over each other before an index over all of them is made. A mount more costs about a millisecond, an
 * index over a large image a few hundred: so the steps of a build do not each make one, and an image of many layers has one.
 */
const stackLimit = 8

/**
 * The layer store that unpacks nothing: a layer is its exact tar and an EROFS index that points into it, and the kernel mounts that. A stack of
 * layers is an overlay of theirs while they are few, and else one index that merges them, so that it may be of any height.
 */
export const createTarLayerStore = (options: TarLayersOptions): LayerStore => {
  const layers = new TarLayers(options)
  const merged = new MergedIndexes(layers)
  const infos = (ids: readonly DiffId[]): Promise<StoredInfo[]> => Promise.all(ids.map((id) => layers.info(id)))
  return {
    has: (id) => layers.has(id),
    info: (id) => layers.info(id),
    add: (id, bytes, options) => layers.add(id, bytes, options),
    create: (tar, options) => layers.create(tar, options),
    open: (id) => layers.open(id),
    tarFile: (id) => layers.tarFile(id),
    list: () => layers.list(),
    prepare: async (ids, options) => void (await partsOf(layers, merged, await infos(ids), options)),
    remove: async (id) => {
      await merged.dropOf(id)
      return await layers.remove(id)
    },
    mounts: async (ids, { target, scratch, upper }) => {
      const parts = await partsOf(layers, merged, await infos(ids))
      return await mountsOf(parts, target, scratch, upper)
    },
  }
}

/** Something that is mounted on its own: an index and the tars that it points into. */
interface Part {
  readonly index: string
  readonly tars: readonly string[]
}

const isAlone = (stack: readonly StoredInfo[]): boolean => stack.length === 1 && stack[0]?.alone === true

/** What the stack is mounted from, base first. */
const partsOf = async (
  layers: TarLayers,
  merged: MergedIndexes,
  stack: readonly StoredInfo[],
  options?: Abortable,
): Promise<readonly Part[]> => {
  const chain = chainIds(stack.map(({ diffId }) => diffId))
  const partOf = (index: string, of: readonly StoredInfo[]): Part => ({
    index,
    tars: of.map(({ diffId }) => layers.paths.tar(diffId)),
  })
  const single = ({ diffId }: StoredInfo): Part => ({ index: layers.paths.index(diffId), tars: [layers.paths.tar(diffId)] })
  // the longest part of the stack that has an index, and what has to be put over it
  for (let count = stack.length; count > 0 && count > stack.length - stackLimit; count--) {
    const below = stack.slice(0, count)
    const above = stack.slice(count)
    if (!above.every((layer) => layer.stackable)) break
    const index = isAlone(below) ? layers.paths.index(below[0]?.diffId as DiffId) : await merged.find(chain[count - 1] as DiffId)
    if (index !== undefined) return [partOf(index, below), ...above.map(single)]
  }
  const chainId = chain.at(-1)
  return chainId === undefined ? [] : [partOf(await merged.make(chainId, stack, options), stack)]
}

const mountsOf = async (
  parts: readonly Part[],
  target: string,
  scratch: string,
  upper: UpperFolder | undefined,
): Promise<readonly Mount[]> => {
  const [first] = parts
  if (first !== undefined && parts.length === 1 && upper === undefined)
    return [{ kind: 'erofs', target, image: first.index, devices: first.tars }]
  // overlayfs wants a lower folder even where there is no layer, and two where nothing is writable
  const folders = parts.map((_, index) => join(scratch, `layer-${index}`))
  if (folders.length + (upper === undefined ? 0 : 1) < 2) folders.unshift(join(scratch, 'empty'))
  for (const folder of folders) await mkdir(folder, { recursive: true })
  const lower = folders.toReversed()
  const image = parts.map(({ index, tars }, at): Mount => ({
    kind: 'erofs',
    target: join(scratch, `layer-${at}`),
    image: index,
    devices: tars,
  }))
  return [...image, { kind: 'overlay', target, lower, ...(upper === undefined ? {} : { upper: upper.upper, work: upper.work }) }]
}
