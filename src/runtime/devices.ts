import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import type { DeviceRule, RuntimeDevice } from './runtime-spec.ts'

const characters = (allow: boolean, major: number, minor: number): DeviceRule => ({
  allow,
  type: 'c',
  major,
  minor,
  access: 'rwm',
})

/**
 * The devices a container may use, as docker says them; the runtime adds terminals and /dev/full of its own. Making any device
 * node is allowed, opening one is not: CAP_MKNOD would otherwise open the host's disks.
 */
export const defaultDeviceRules: readonly DeviceRule[] = [
  { allow: false, type: 'a', access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  characters(true, 1, 3), // null
  characters(true, 1, 5), // zero
  characters(true, 1, 7), // full
  characters(true, 1, 8), // random
  characters(true, 1, 9), // urandom
  characters(true, 5, 0), // tty
  characters(true, 5, 1), // console
]

/** A privileged container may use them all. */
export const allDevices: readonly DeviceRule[] = [{ allow: true, type: 'a', access: 'rwm' }]

/** Made by the runtime in every container, or not devices of the host. */
const skipped = new Set([
  'pts',
  'shm',
  'fd',
  'mqueue',
  'console',
  'ptmx',
  '.lxc',
  '.lxd-mounts',
  '.udev',
  'null',
  'zero',
  'full',
  'random',
  'urandom',
  'tty',
])

/** Every device node below a folder (the host's /dev), for a privileged container. */
export const hostDevices = (folder = '/dev', prefix = '/dev'): readonly RuntimeDevice[] =>
  readdirSync(folder).flatMap((name) => {
    if (skipped.has(name)) return []
    const [path, shown] = [join(folder, name), join(prefix, name)]
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() === true) return hostDevices(path, shown)
    return found?.isCharacterDevice() === true || found?.isBlockDevice() === true ? [device(shown, found)] : []
  })

const device = (path: string, found: Stats): RuntimeDevice => ({
  path,
  type: found.isBlockDevice() ? 'b' : 'c',
  ...deviceNumbers(found.rdev),
  fileMode: found.mode & 0o777,
  uid: found.uid,
  gid: found.gid,
})

/** Linux' dev_t: 12 bits of minor around 12 of major, the rest above. */
const deviceNumbers = (rdev: number): { readonly major: number; readonly minor: number } => ({
  major: (rdev >>> 8) & 0xfff,
  minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
})
