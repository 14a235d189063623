import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../lib/errors.ts'
import { randomHex } from '../lib/random.ts'
import { inMountNamespace } from '../lib/mount-namespace.ts'
import { encodeErofs } from './erofs/encode.ts'
import { mountRights } from './mount-rights.ts'
import { LayerTreeBuilder } from './tree/layer-tree-builder.ts'

/**
 * Why EROFS images below `root` cannot be mounted, or undefined if they can: mounts a tiny one with an extra device in a mount namespace of its own,
 * since only that tells (the kernel may load a module, want loop devices, or forbid it). Leaves nothing behind.
 */
export const canMountErofs = async (root: string): Promise<string | undefined> => {
  const rights = await mountRights()
  if (rights !== 'all') return rights === 'none' ? 'mounting needs root on Linux' : 'this is a user namespace'
  const folder = join(root, 'layers', 'tmp', `probe-${randomHex(6)}`)
  const [image, device, target] = ['image', 'device', 'target'].map((name) => join(folder, name)) as [string, string, string]
  try {
    await mkdir(target, { recursive: true, mode: 0o700 })
    await writeFile(image, encodeErofs(new LayerTreeBuilder().finish(), { devices: [{ bytes: 4096 }] }))
    await writeFile(device, Buffer.alloc(4096))
    inMountNamespace([{ kind: 'erofs', target, image, devices: [device] }], [], () => undefined)
    return undefined
  } catch (error) {
    return messageOf(error)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
