import type { ByteStream } from '../../lib/bytes.ts'
import { textFromBytes } from '../../layers/tree/byte-text.ts'

/**
 * One path of a tree of files, wherever the tree is: a folder, an archive, the layers of an image. Paths and targets have one
 * character (0 to 255) per byte, so that names that are not UTF-8 are nothing special and text sorts as bytes do.
 */
export interface TreeEntry {
  /** Relative, slashes between, none around; the root is ''. */
  readonly path: string
  readonly kind: 'file' | 'folder' | 'symlink' | 'character' | 'block' | 'fifo'
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of a file; 0 for the rest. */
  readonly size: number
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number }
  /** Where a symlink leads. */
  readonly target?: string
  readonly device?: { readonly major: number; readonly minor: number }
  readonly xattrs?: Readonly<Record<string, Uint8Array>>
  /** The same for all names of one file, where it has several. */
  readonly inode?: string
}

/** Files that can be read by path and listed; symlinks are never followed, see `resolvePath`. */
export interface Tree {
  /** What is at the path; its folders must be folders, not symlinks. */
  stat(path: string): Promise<TreeEntry | undefined>
  /** What is directly in a folder, names in byte order; nothing if it is no folder. */
  list(path: string): Promise<readonly TreeEntry[]>
  /** A file's bytes; throws if they are not `size` bytes. */
  read(entry: TreeEntry): ByteStream
  /** The sha256 of a file's bytes, in hex; computed once. At once where it is known or quick to know: thousands are asked for. */
  digest(entry: TreeEntry): Promise<string> | string
}

/** The name of an entry within its folder; '' for the root. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** The folder that a path is in; '' for what is in the root. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

export const joinPath = (folder: string, name: string): string =>
  folder === '' || name === '' ? folder + name : `${folder}/${name}`

/** A path without `.`, `..` and empty parts, confined to the root, as a relative one. */
export const cleanPath = (path: string): string => {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** A path as people read it: absolute, as text. */
export const shownPath = (path: string): string => `/${textFromBytes(path).text}`
