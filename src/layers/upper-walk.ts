import { lstatSync, readdirSync, type BigIntStats } from 'node:fs'
import { GantryError } from '../lib/errors.ts'
import { nativeFiles } from '../lib/native-files.ts'
import { textFromBytes } from './tree/byte-text.ts'
import { whiteoutPrefix } from './tree/path.ts'

/** One thing that overlayfs has put into an upper folder. */
export interface UpperEntry {
  /** Relative to the upper folder; one character per byte. */
  readonly path: string
  /** For system calls. */
  readonly file: Buffer
  readonly stat: BigIntStats
  /** The path is deleted from what is below. */
  readonly whiteout: boolean
  /** A folder that hides what is below it. */
  readonly opaque: boolean
  /** The file's own, without those of overlayfs and of this machine. */
  readonly xattrs: Readonly<Record<string, Buffer>>
}

export interface WalkUpperOptions {
  /** Paths, relative to the upper folder, that are left out with all that is in them. */
  readonly exclude?: readonly string[]
  /** The overlay was mounted with `userXattr`. */
  readonly userXattr?: boolean
}

/** What an upper folder has, the folder itself not: folders before what is in them, and in each the whiteouts first, by the bytes of the names. */
export function* walkUpper(upper: string, options: WalkUpperOptions = {}): Generator<UpperEntry, void, undefined> {
  const root = Buffer.from(upper).toString('latin1')
  const excluded = new Set(options.exclude?.map((path) => Buffer.from(path).toString('latin1')))
  const pending = read(root, '', options).reverse()
  for (let entry = pending.pop(); entry !== undefined; entry = pending.pop()) {
    if (excluded.has(entry.path)) continue
    yield entry
    if (entry.stat.isDirectory()) for (const inside of read(root, entry.path, options).reverse()) pending.push(inside)
  }
}

const read = (root: string, folder: string, options: WalkUpperOptions): UpperEntry[] => {
  const bytes = Buffer.from(folder === '' ? root : `${root}/${folder}`, 'latin1')
  const names = readdirSync(bytes, { encoding: 'buffer' }).map((name) => name.toString('latin1'))
  const entries = names.sort().map((name) => describe(root, folder === '' ? name : `${folder}/${name}`, name, options))
  return [...entries.filter(({ whiteout }) => whiteout), ...entries.filter(({ whiteout }) => !whiteout)]
}

const describe = (root: string, path: string, name: string, { userXattr = false }: WalkUpperOptions): UpperEntry => {
  const refuse = (reason: string, hint?: string): never => {
    const message = `Cannot make a layer: "${textFromBytes(path).text}" ${reason}`
    throw new GantryError('failed_precondition', 'UPPER_FOLDER', message, hint === undefined ? {} : { hint })
  }
  if (name.startsWith(whiteoutPrefix)) refuse(`has a name that means a deleted file in a layer`, 'rename or remove it')
  const file = Buffer.from(`${root}/${path}`, 'latin1')
  const stat = lstatSync(file, { bigint: true })
  if (stat.isCharacterDevice() && stat.rdev === 0n) return { path, file, stat, whiteout: true, opaque: false, xattrs: {} }
  const all = nativeFiles().xattrs(file)
  const prefix = userXattr ? 'user.overlay.' : 'trusted.overlay.'
  if (all[`${prefix}redirect`] !== undefined || all[`${prefix}metacopy`] !== undefined)
    refuse('only points at what is below it', 'mount the overlay with redirect_dir=off and metacopy=off')
  const xattrs = Object.fromEntries(Object.entries(all).filter(([name]) => isKept(name)))
  return { path, file, stat, whiteout: false, opaque: all[`${prefix}opaque`]?.toString() === 'y', xattrs }
}

/** Labels of this machine's security modules, and marks of overlayfs and of layers' indexes, are not the file's. */
const isKept = (name: string): boolean => {
  if (/^(?:trusted|user)\.overlay\.|^trusted\.gantry\./.test(name)) return false
  return /^(?:user|trusted)\./.test(name) || name === 'security.capability' || name.startsWith('system.posix_acl_')
}
