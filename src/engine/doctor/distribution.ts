import { readFile } from 'node:fs/promises'

/** How this distribution installs packages. */
export interface Distribution {
  readonly name: string
  /** The command that installs a program, or undefined where it is not known how. */
  install(program: string): string | undefined
}

type Family = 'apt' | 'dnf' | 'apk' | 'pacman' | 'zypper'

const commands: Readonly<Record<Family, string>> = {
  apt: 'apt-get install --no-install-recommends',
  dnf: 'dnf install',
  apk: 'apk add',
  pacman: 'pacman -S',
  zypper: 'zypper install',
}

/** Package names where they differ from the program's. */
const packages: Readonly<Record<string, Partial<Record<Family, string>>>> = {
  newuidmap: { apt: 'uidmap', dnf: 'shadow-utils', apk: 'shadow-uidmap', pacman: 'shadow', zypper: 'shadow' },
  'qemu-user': {
    apt: 'qemu-user-static binfmt-support',
    dnf: 'qemu-user-static',
    apk: 'qemu-aarch64',
    pacman: 'qemu-user-static-binfmt',
    zypper: 'qemu-linux-user',
  },
  losetup: { apt: 'util-linux', dnf: 'util-linux', apk: 'util-linux', pacman: 'util-linux', zypper: 'util-linux' },
}

const families: Readonly<Record<string, Family>> = {
  debian: 'apt',
  ubuntu: 'apt',
  fedora: 'dnf',
  rhel: 'dnf',
  centos: 'dnf',
  alpine: 'apk',
  arch: 'pacman',
  suse: 'zypper',
  opensuse: 'zypper',
}

/** Reads /etc/os-release (os-release(5)). */
export const readDistribution = async (path = '/etc/os-release'): Promise<Distribution> => {
  const text = await readFile(path, 'utf8').catch(() => '')
  const field = (name: string): string => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? ''
  const family = [field('ID'), ...field('ID_LIKE').split(' ')].map((id) => families[id]).find((one) => one !== undefined)
  return {
    name: field('PRETTY_NAME') || 'this system',
    install: (program) => (family === undefined ? undefined : `${commands[family]} ${packages[program]?.[family] ?? program}`),
  }
}
