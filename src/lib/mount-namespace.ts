import { closeSync, constants, openSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { GantryError, systemCode } from './errors.ts'
import type { Mount } from './mount.ts'
import { flags, native, type Native } from './native.ts'

/**
 * Runs `work` on this thread in a mount namespace of its own in which `mounts` are made and `detach` (paths) are unmounted, then
 * returns to the thread's own namespace. What `work` spawns stays inside; when the last process in there ends, the kernel takes
 * the mounts away, so a killed gantry leaves none behind. `work` must be synchronous: no other code may see the namespace.
 * Needs CAP_SYS_ADMIN (`permission_denied` else).
 */
export const inMountNamespace = <T>(mounts: readonly Mount[], detach: readonly string[], work: () => T): T => {
  const libc = native()
  const folder = process.cwd()
  const own = openSync('/proc/thread-self/ns/mnt', constants.O_RDONLY)
  try {
    libc.unshare(flags.CLONE_NEWNS)
    try {
      // slave: what the host mounts later is seen, what is mounted here stays here
      libc.mount('none', '/', null, flags.MS_REC | flags.MS_SLAVE, null)
      for (const path of detach) libc.unmount(path, flags.MNT_DETACH)
      for (const mount of mounts) make(libc, mount)
      return work()
    } finally {
      libc.setns(own, flags.CLONE_NEWNS)
      process.chdir(folder)
    }
  } finally {
    closeSync(own)
  }
}

/**
 * Unmounts `targets` in the mount namespace of another process, which `inMountNamespace` made; what still uses them keeps them. Only
 * on the thread that made it.
 */
export const unmountIn = (pid: number, targets: readonly string[]): void => {
  const libc = native()
  const folder = process.cwd()
  const own = openSync('/proc/thread-self/ns/mnt', constants.O_RDONLY)
  try {
    const other = openSync(`/proc/${pid}/ns/mnt`, constants.O_RDONLY)
    try {
      libc.setns(other, flags.CLONE_NEWNS)
      for (const target of targets) libc.unmount(target, flags.MNT_DETACH)
    } finally {
      libc.setns(own, flags.CLONE_NEWNS)
      process.chdir(folder)
      closeSync(other)
    }
  } finally {
    closeSync(own)
  }
}

/** Paths go to the kernel as /proc/self/fd/N: short enough for mount(2)'s one page of options, and free of commas and colons. */
class Handles {
  readonly #open: number[] = []

  path(path: string, folder: boolean): string {
    const fd = openSync(path, folder ? constants.O_RDONLY | constants.O_DIRECTORY : constants.O_RDONLY)
    this.#open.push(fd)
    return `/proc/self/fd/${fd}`
  }

  close(): void {
    for (const fd of this.#open) closeSync(fd)
  }
}

const make = (libc: Native, mount: Mount): void => {
  const handles = new Handles()
  try {
    switch (mount.kind) {
      case 'erofs':
        erofs(libc, mount, handles)
        return
      case 'overlay': {
        const options = [`lowerdir=${mount.lower.map((path) => handles.path(path, true)).join(':')}`]
        if (mount.upper !== undefined) options.push(`upperdir=${handles.path(mount.upper, true)}`)
        if (mount.work !== undefined) options.push(`workdir=${handles.path(mount.work, true)}`)
        // whatever the kernel's defaults are: an upper folder must say all by itself, over layers that may be mounted otherwise next time
        if (mount.userXattr === true) options.push('userxattr')
        else if (mount.upper !== undefined) options.push('redirect_dir=off', 'metacopy=off', 'index=off')
        libc.mount('overlay', mount.target, 'overlay', mount.upper === undefined ? flags.MS_RDONLY : 0, options.join(','))
        return
      }
      case 'tmpfs':
        libc.mount('tmpfs', mount.target, 'tmpfs', flags.MS_NOSUID | flags.MS_NODEV, 'mode=0700')
        return
      case 'bind':
        libc.mount(mount.source, mount.target, null, flags.MS_BIND | flags.MS_REC, null)
        if (mount.readOnly) libc.mount('none', mount.target, null, flags.MS_BIND | flags.MS_REMOUNT | flags.MS_RDONLY, null)
    }
  } finally {
    handles.close()
  }
}

const erofs = (libc: Native, mount: Mount & { kind: 'erofs' }, handles: Handles): void => {
  const attempt = (image: string, devices: readonly string[]): void =>
    libc.mount(image, mount.target, 'erofs', flags.MS_RDONLY, devices.map((device) => `device=${device}`).join(',') || null)
  try {
    attempt(
      handles.path(mount.image, false),
      mount.devices.map((path) => handles.path(path, false)),
    )
  } catch (error) {
    // before Linux 6.12, and for files on tmpfs or overlayfs, the kernel wants block devices
    if (systemCode(error) !== 'ENOTBLK') throw error
    const loops: string[] = []
    try {
      for (const path of [mount.image, ...mount.devices]) loops.push(attachLoop(path))
      attempt(loops[0] ?? '', loops.slice(1))
    } finally {
      // a detached loop device that is mounted goes away with the last mount of it
      for (const loop of loops) spawnSync('losetup', ['--detach', loop])
    }
  }
}

const attachLoop = (path: string): string => {
  const result = spawnSync('losetup', ['--read-only', '--find', '--show', path], { encoding: 'utf8' })
  if (result.status === 0) return result.stdout.trim()
  throw new GantryError(
    'failed_precondition',
    'NO_LOOP_DEVICE',
    `Cannot attach "${path}" to a loop device: ${result.stderr?.trim() || 'losetup is not installed'}`,
    {
      hint: 'use Linux 6.12 or newer with the store on a disk file system, or --storage-driver folder',
    },
  )
}
