import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import type { Mount } from '../lib/mount.ts'
import type { UpperFolder } from './interfaces.ts'
import { openStack } from './stack.ts'
import type { StoredInfo } from './stored-info.ts'
import type { TarLayers } from './tar-layers.ts'
import { textFromBytes } from './tree/byte-text.ts'

/** Where a stack of layers is to be mounted; see `LayerStore.mounts`. */
export interface MountPlace {
  readonly target: string
  readonly scratch: string
  readonly upper?: UpperFolder
}

/** How a stack of layers, base first, becomes a folder. */
export interface StackDriver {
  prepare(stack: readonly StoredInfo[], options?: Abortable): Promise<void>
  mounts(stack: readonly StoredInfo[], place: MountPlace): Promise<readonly Mount[]>
}

/** An overlay of folders, base first. Without layers, or with one and no upper, it needs a folder more than there are. */
export const overlayOf = async (folders: readonly string[], place: MountPlace, userXattr = false): Promise<Mount> => {
  const { target, scratch, upper } = place
  const lower = folders.toReversed()
  while (lower.length + (upper === undefined ? 0 : 1) < 2) {
    const empty = join(scratch, `empty-${lower.length}`)
    mkdirSync(empty, { recursive: true })
    lower.push(empty)
  }
  return {
    kind: 'overlay',
    target,
    lower,
    ...(upper === undefined ? {} : { upper: upper.upper, work: upper.work }),
    ...(userXattr ? { userXattr } : {}),
  }
}

/** True if overlayfs makes the right thing of the layer by itself over those below, base first. */
export const fitsOver = async (layers: TarLayers, layer: StoredInfo, below: readonly StoredInfo[]): Promise<boolean> => {
  if (!layer.stackable || layer.whiteoutsIn.length === 0) return layer.stackable
  await using stack = openStack(await Promise.all(below.map(({ diffId }) => layers.open(diffId))))
  for (const path of layer.whiteoutsIn) {
    const hidden = await stack.lookup(Buffer.from(path, 'latin1'), { followLast: false })
    if (hidden?.kind !== 'folder' || hidden.path !== textFromBytes(path).text) return false
  }
  return true
}
