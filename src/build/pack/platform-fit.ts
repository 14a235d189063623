import type { Platform } from '../../oci/descriptor.ts'
import type { PackagePlatforms } from './manifest.ts'

/** A platform in npm's words. */
export interface NodePlatform {
  readonly os: string
  readonly cpu: string
  readonly libc: 'glibc' | 'musl'
}

const cpus: Readonly<Record<string, string>> = { amd64: 'x64', '386': 'ia32', loong64: 'loong64', mips64le: 'mips64el' }

/** What Node.js calls a platform. Which C library an image has, its base image's name says: those of Alpine have musl. */
export const nodePlatform = ({ os, architecture }: Platform, base: string): NodePlatform => ({
  os: os === 'windows' ? 'win32' : os,
  cpu: cpus[architecture] ?? architecture,
  libc: /alpine|musl/.test(base) ? 'musl' : 'glibc',
})

/** Whether a list of values that are meant, or `!values` that are not, has a value (npm docs, package.json §os). */
const allows = (values: readonly string[], value: string): boolean => {
  if (values.length === 0 || values.includes('any')) return true
  if (values.includes(`!${value}`)) return false
  return values.includes(value) || values.every((one) => one.startsWith('!'))
}

/** Whether a package is for a platform. */
export const fitsPlatform = ({ os, cpu, libc }: PackagePlatforms, platform: NodePlatform): boolean =>
  allows(os, platform.os) && allows(cpu, platform.cpu) && (platform.os !== 'linux' || allows(libc, platform.libc))

/** Whether a package says that it is not for all platforms. */
export const isForSome = ({ os, cpu, libc }: PackagePlatforms): boolean => os.length + cpu.length + libc.length > 0

/** e_machine of ELF files by architecture (System V ABI, and its supplements). */
const machines: Readonly<Record<string, number>> = {
  x64: 62,
  ia32: 3,
  arm64: 183,
  arm: 40,
  ppc64le: 21,
  ppc64: 21,
  s390x: 22,
  riscv64: 243,
  loong64: 258,
}

/** Whether the first 20 bytes of a file are those of a program or library for a platform; undefined if it is none that is known. */
export const isBuiltFor = (head: Buffer, { os, cpu }: NodePlatform): boolean | undefined => {
  if (head.length < 20) return undefined
  if (head.readUInt32BE(0) === 0x7f454c46) {
    const machine = head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18)
    return os === 'linux' && machines[cpu] === machine
  }
  // Mach-O in either order or for several processors, and PE
  if ([0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe].includes(head.readUInt32BE(0))) return os === 'darwin'
  return head.toString('latin1', 0, 2) === 'MZ' ? os === 'win32' : undefined
}
