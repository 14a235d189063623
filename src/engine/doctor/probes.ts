import { access, constants, readFile, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { runProcess } from '../../lib/process.ts'

/** The path of a program, or undefined. `path` is the PATH variable; sbin folders are looked at too. */
export const findProgram = async (name: string, path = ''): Promise<string | undefined> => {
  for (const folder of [
    ...path.split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    '/usr/lib/podman',
    '/usr/libexec/podman',
  ]) {
    if (folder === '') continue
    const file = join(folder, name)
    try {
      await access(file, constants.X_OK)
      if ((await stat(file)).isFile()) return file
    } catch {
      // not here
    }
  }
  return undefined
}

/** The first line of `program --version`. */
export const programVersion = async (program: string): Promise<string | undefined> => {
  const result = await runProcess(program, ['--version']).catch(() => undefined)
  return result?.status === 0 ? result.stdout.toString('utf8').split('\n')[0]?.trim() : undefined
}

const text = async (path: string): Promise<string | undefined> => await readFile(path, 'utf8').catch(() => undefined)

/** Whether the kernel knows a file system now; a module that is not loaded yet is not seen. */
export const kernelHasFileSystem = async (name: string): Promise<boolean> =>
  new RegExp(`\\t${name}$`, 'm').test((await text('/proc/filesystems')) ?? '')

/** cgroup layout of the machine (cgroups(7)). */
export const cgroupLayout = async (): Promise<'v2' | 'v1' | 'hybrid' | 'none'> => {
  const mounts = (await text('/proc/self/mountinfo')) ?? ''
  const v2 = / \/sys\/fs\/cgroup [^-]*- cgroup2 /.test(mounts)
  if (v2) return 'v2'
  const v1 = / \/sys\/fs\/cgroup\/[^ ]+ [^-]*- cgroup /.test(mounts)
  const unified = / \/sys\/fs\/cgroup\/unified [^-]*- cgroup2 /.test(mounts)
  if (v1) return unified ? 'hybrid' : 'v1'
  return 'none'
}

/** Whether an ordinary user may make user namespaces. */
export const userNamespaces = async (): Promise<boolean> => {
  const limit = Number((await text('/proc/sys/user/max_user_namespaces')) ?? '0')
  const debian = (await text('/proc/sys/kernel/unprivileged_userns_clone'))?.trim()
  return limit > 0 && debian !== '0'
}

/** Whether the user has subordinate ids in /etc/subuid. */
export const hasSubordinateIds = async (user: string): Promise<boolean> =>
  new RegExp(`^${user.replaceAll(/[^\w.-]/g, '')}:`, 'm').test((await text('/etc/subuid')) ?? '')

/** Names of foreign architectures that binfmt_misc hands to qemu. */
export const emulatedArchitectures = async (): Promise<readonly string[]> => {
  const { readdir } = await import('node:fs/promises')
  const names = await readdir('/proc/sys/fs/binfmt_misc').catch(() => [])
  return names.filter((name) => name.startsWith('qemu-')).map((name) => name.slice(5))
}
