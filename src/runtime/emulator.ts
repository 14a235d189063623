import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A program that the kernel hands programs of another architecture to (binfmt_misc). */
export interface Emulator {
  /** Absolute, as it was registered. */
  readonly interpreter: string
  /** The kernel has it open: it need not be in the container (flag F). */
  readonly fixed: boolean
}

/** Class (1: 32 bits, 2: 64 bits), byte order (1: little, 2: big) and machine of ELF files, by architecture as images name it. */
const machines: Readonly<Record<string, readonly [number, number, number]>> = {
  '386': [1, 1, 3],
  amd64: [2, 1, 62],
  arm: [1, 1, 40],
  arm64: [2, 1, 183],
  loong64: [2, 1, 258],
  mips64le: [2, 1, 8],
  ppc64le: [2, 1, 21],
  riscv64: [2, 1, 243],
  s390x: [2, 2, 22],
}

/** What runs programs of an architecture here; undefined where nothing is registered. `folder` is where binfmt_misc is mounted. */
export const findEmulator = (architecture: string, folder = '/proc/sys/fs/binfmt_misc'): Emulator | undefined => {
  const header = elfHeader(architecture)
  if (header === undefined) return undefined
  for (const name of namesIn(folder)) {
    const entry = parseEntry(readText(join(folder, name)))
    if (entry !== undefined && matches(entry, header)) return { interpreter: entry.interpreter, fixed: entry.flags.includes('F') }
  }
  return undefined
}

const elfHeader = (architecture: string): Buffer | undefined => {
  const [size, order, machine] = Object.hasOwn(machines, architecture) ? (machines[architecture] ?? []) : []
  if (size === undefined || order === undefined || machine === undefined) return undefined
  const header = Buffer.alloc(64)
  header.set([0x7f, 0x45, 0x4c, 0x46, size, order, 1])
  for (const [at, value] of [
    [16, 2],
    [18, machine],
  ] as const)
    if (order === 1) header.writeUInt16LE(value, at)
    else header.writeUInt16BE(value, at)
  return header
}

interface Entry {
  readonly interpreter: string
  readonly flags: string
  readonly offset: number
  readonly magic: Buffer
  readonly mask: Buffer
}

/** An enabled entry that goes by magic bytes (Documentation/admin-guide/binfmt-misc.rst). */
const parseEntry = (text: string): Entry | undefined => {
  const field = (name: string): string => new RegExp(`^${name}:? ?(.*)$`, 'm').exec(text)?.[1] ?? ''
  const magic = Buffer.from(field('magic'), 'hex')
  if (!text.startsWith('enabled\n') || magic.length === 0 || !field('interpreter').startsWith('/')) return undefined
  const mask = Buffer.from(field('mask'), 'hex')
  return {
    interpreter: field('interpreter'),
    flags: field('flags'),
    offset: Number(field('offset')) || 0,
    magic,
    mask: mask.length === magic.length ? mask : Buffer.alloc(magic.length, 0xff),
  }
}

const matches = ({ magic, mask, offset }: Entry, header: Buffer): boolean =>
  magic.every((byte, index) => ((header[offset + index] ?? 0) & (mask[index] ?? 0)) === (byte & (mask[index] ?? 0)))

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder).filter((name) => name !== 'register' && name !== 'status')
  } catch {
    return []
  }
}

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
