import { nameLimit, tarError, type SparseExtent, type TarEntry, type TarKind } from './entry.ts'
import type { Header } from './header.ts'
import type { PaxRecords } from './pax.ts'
import type { Text } from './text.ts'

/** What GNU's extra entries 'L' and 'K' say about the entry that follows them. */
export interface GnuNames {
  name?: Text
  linkName?: Text
}

type Draft = { -readonly [K in keyof TarEntry]: TarEntry[K] }

/** The kind that a type flag means; undefined for flags that no reader agrees on. Flags that describe other entries are not asked for. */
export const kindOf = (type: number, name: string): TarKind | undefined => {
  switch (type) {
    case 0: // before POSIX: a slash at the end was a folder's only mark
      return name.endsWith('/') ? 'folder' : 'file'
    case 0x31:
      return 'hardlink'
    case 0x32:
      return 'symlink'
    case 0x33:
      return 'character'
    case 0x34:
      return 'block'
    case 0x35: // '5'
    case 0x44: // 'D': GNU's folder with a list of its names as the body
      return 'folder'
    case 0x36:
      return 'fifo'
    default: // '0', '7' contiguous, 'S' sparse; POSIX: what is not known is a file, but 'A' to 'Z' are the vendors'
      return type === 0x53 || type < 0x41 || type > 0x5a ? 'file' : undefined
  }
}

/** Puts an entry together from its header and the extended headers before it; `size` is the file's own. */
export const buildEntry = (
  header: Header,
  pax: PaxRecords | undefined,
  gnu: GnuNames,
  file: { readonly size: number; readonly sparse?: readonly SparseExtent[] },
  offset: number,
): TarEntry => {
  const name = gnu.name ?? pax?.sparse?.name ?? pax?.path ?? header.name
  const kind = kindOf(header.type, name.text)
  if (kind === undefined)
    throw tarError(offset, `entries of type "${String.fromCharCode(header.type)}" are not supported ("${name.text}")`)
  const entry: Draft = {
    name: name.text,
    kind,
    mode: header.mode & 0o7777,
    uid: identifier(pax?.uid ?? header.uid, offset),
    gid: identifier(pax?.gid ?? header.gid, offset),
    size: kind === 'file' ? file.size : 0,
    mtime: pax?.mtime ?? { seconds: header.seconds, nanoseconds: 0 },
  }
  if (name.raw !== undefined) entry.rawName = name.raw
  if (kind === 'folder') trimSlashes(entry)
  if (tooLong(entry.name, entry.rawName)) throw tarError(offset, `a name has more than ${nameLimit} bytes`)
  if (kind === 'symlink' || kind === 'hardlink') {
    const target = gnu.linkName ?? pax?.linkPath ?? header.linkName
    if (tooLong(target.text, target.raw)) throw tarError(offset, `a link target has more than ${nameLimit} bytes`)
    entry.linkName = target.text
    if (target.raw !== undefined) entry.rawLinkName = target.raw
  }
  if (kind === 'character' || kind === 'block') entry.device = { major: header.major, minor: header.minor }
  const userName = pax?.userName ?? header.userName
  const groupName = pax?.groupName ?? header.groupName
  if (userName !== '') entry.userName = userName
  if (groupName !== '') entry.groupName = groupName
  if (pax?.xattrs !== undefined) entry.xattrs = pax.xattrs
  if (kind === 'file' && file.sparse !== undefined) entry.sparse = file.sparse
  return entry
}

/** Old writers have -2 for nobody; the kernel's ids are 32 bits without sign. */
const identifier = (value: number, offset: number): number => {
  if (value >= -0x8000_0000 && value <= 0xffff_ffff) return value >>> 0
  throw tarError(offset, `the owner ${value} is out of range`)
}

const trimSlashes = (entry: Draft): void => {
  let end = entry.name.length
  while (end > 1 && entry.name.charCodeAt(end - 1) === 0x2f) end--
  if (end === entry.name.length) return
  const removed = entry.name.length - end
  entry.name = entry.name.slice(0, end)
  if (entry.rawName !== undefined) entry.rawName = entry.rawName.subarray(0, entry.rawName.length - removed)
}

const tooLong = (text: string, raw: Uint8Array | undefined): boolean =>
  text.length > nameLimit / 3 && (raw?.length ?? Buffer.byteLength(text)) > nameLimit
