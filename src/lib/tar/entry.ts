import { GantryError } from '../errors.ts'

/** What an entry of a tar is. A hard link is an entry of its own that names another entry. */
export type TarKind = 'file' | 'folder' | 'symlink' | 'hardlink' | 'character' | 'block' | 'fifo'

/** Part of a sparse file that is stored: `length` bytes at `offset` of the file. The rest of the file is zeros. */
export interface SparseExtent {
  readonly offset: number
  readonly length: number
}

/** The header of one entry of a tar, with the extended headers that belong to it applied. */
export interface TarEntry {
  /** As in the archive: not cleaned, not confined; without the trailing slashes of a folder. */
  readonly name: string
  /** The name's bytes, only when they are not UTF-8; `name` is then their lossy text. */
  readonly rawName?: Uint8Array
  readonly kind: TarKind
  /** Permission bits with setuid, setgid and sticky, 0 to 0o7777. */
  readonly mode: number
  /** 0 to 2^32 - 1, like `gid`. */
  readonly uid: number
  readonly gid: number
  readonly userName?: string
  readonly groupName?: string
  /** Bytes of a file's body, holes of a sparse file included; 0 for the other kinds. */
  readonly size: number
  /** Seconds since 1970, may be negative, and 0 to 999,999,999 nanoseconds after that second. */
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number }
  /** Target of a symlink as it stands, or the name of the entry that a hard link leads to. */
  readonly linkName?: string
  /** The target's bytes, only when they are not UTF-8. */
  readonly rawLinkName?: Uint8Array
  /** Of the kinds 'character' and 'block'. */
  readonly device?: { readonly major: number; readonly minor: number }
  /** By full name, such as `security.capability`. */
  readonly xattrs?: Readonly<Record<string, Uint8Array>>
  /**
   * The stored body holds only these parts of the file, back to back; sorted, apart, none empty, each but the last a multiple of 512
   * bytes. `readTar` fills the holes, so its entries do not have it; a writer ignores it.
   */
  readonly sparse?: readonly SparseExtent[]
}

/** Bytes of a tar's block: headers and bodies start at multiples of it. */
export const blockSize = 512

/** Most bytes of one extended header (PAX records, a GNU long name, a sparse map), as Go's archive/tar has it. */
export const extensionLimit = 1024 * 1024

/** Most bytes of a name or link target: Linux' PATH_MAX. */
export const nameLimit = 4096

/** Bytes of zeros after a body of `size` bytes. */
export const tarPadding = (size: number): number => (blockSize - (size % blockSize)) % blockSize

/** The one way a tar is refused: `invalid_argument`, TAR_INVALID or TAR_TRUNCATED, with the byte of the archive where it went wrong. */
export const tarError = (offset: number, reason: string, code: 'TAR_INVALID' | 'TAR_TRUNCATED' = 'TAR_INVALID'): GantryError =>
  new GantryError('invalid_argument', code, `Cannot read the tar at byte ${offset}: ${reason}`, { detail: { offset } })
