import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { messageOf } from '../lib/errors.ts'
import { inMountNamespace } from '../lib/mount-namespace.ts'
import { encodeErofs } from './erofs/encode.ts'
import { LayerTreeBuilder } from './tree/layer-tree-builder.ts'

/**
 * Why EROFS images below `root` cannot be mounted, or undefined if they can: mounts a tiny one with an extra device in a mount namespace of its own,
 * since only that tells (the kernel may load a module, want loop devices, or forbid it). Leaves nothing behind.
 */
export const canMountErofs = async (root: string): Promise<string | undefined> => {
  const reason = await obstacle()
  if (reason !== undefined) return reason
  const folder = join(root, 'layers', 'tmp', `probe-${randomBytes(6).toString('hex')}`)
  const [image, device, target] = ['image', 'device', 'target'].map((name) => join(folder, name)) as [string, string, string]
  try {
    await mkdir(target, { recursive: true })
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

const capSysAdmin = 1n << 21n

/** What can be said without trying. */
const obstacle = async (): Promise<string | undefined> => {
  if (process.platform !== 'linux') return 'this needs Linux'
  const status = await readFile('/proc/self/status', 'utf8')
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  if ((BigInt(`0x${effective}`) & capSysAdmin) === 0n) return 'mounting needs root'
  const map = (await readFile('/proc/self/uid_map', 'utf8')).trim().split(/\s+/)
  // EROFS is not among the file systems that may be mounted in a user namespace
  return map.join(' ') === '0 0 4294967295' ? undefined : 'this is a user namespace'
}
