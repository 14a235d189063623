import {
  blockBits,
  blockBytes,
  inodeBytes,
  layoutChunks,
  layoutInline,
  layoutPlain,
  modeTypes,
  readInt64,
  slotBytes,
  type InodeKind,
} from './format.ts'
import { damaged, type RandomAccess } from './random-access.ts'
import { decodeXattrs, xattrBytes } from './xattrs.ts'

/** An inode as it stands in an image. */
export interface Inode {
  /** Its number: its byte in the image, divided by 32. */
  readonly inode: number
  readonly kind: InodeKind
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly seconds: number
  readonly nanoseconds: number
  readonly links: number
  readonly layout: number
  /** First block, device, or size of chunks. */
  readonly data: number
  readonly xattrBytes: number
}

const kinds = new Map(Object.entries(modeTypes).map(([kind, type]) => [type as number, kind as InodeKind]))

/** Reads and checks one inode. */
export const readInode = (source: RandomAccess, inode: number): Inode => {
  const bytes = source.read(inode * slotBytes, inodeBytes)
  const format = bytes.readUInt16LE(0)
  const layout = format >> 1
  const mode = bytes.readUInt16LE(4)
  const kind = kinds.get(mode & 0o170000)
  const size = readInt64(bytes, 8)
  const nanoseconds = bytes.readUInt32LE(40)
  if ((format & 1) === 0 || kind === undefined) throw damaged(`inode ${inode} has an unknown format`)
  if (layout !== layoutPlain && layout !== layoutInline && layout !== layoutChunks)
    throw damaged(`inode ${inode} has an unknown layout`)
  if (!Number.isSafeInteger(size) || size < 0 || nanoseconds > 999_999_999)
    throw damaged(`inode ${inode} has a number out of range`)
  return {
    inode,
    kind,
    mode: mode & 0o7777,
    uid: bytes.readUInt32LE(24),
    gid: bytes.readUInt32LE(28),
    size,
    seconds: readInt64(bytes, 32),
    nanoseconds,
    links: bytes.readUInt32LE(44),
    layout,
    data: bytes.readUInt32LE(16),
    xattrBytes: xattrBytes(bytes.readUInt16LE(2)),
  }
}

export const readXattrs = (source: RandomAccess, inode: Inode): Readonly<Record<string, Uint8Array>> | undefined => {
  if (inode.xattrBytes === 0) return undefined
  const xattrs = decodeXattrs(source.read(inode.inode * slotBytes + inodeBytes, inode.xattrBytes))
  if (xattrs === undefined) throw damaged(`the xattrs of inode ${inode.inode} make no sense`)
  return xattrs
}

/** Blocks of a folder or symlink, which the image itself holds. */
export const blockCount = (inode: Inode): number => Math.ceil(inode.size / blockBytes)

/** One block of a folder or symlink; the last one as far as it is used. */
export const readBlock = (source: RandomAccess, inode: Inode, index: number): Buffer => {
  const length = Math.min(blockBytes, inode.size - index * blockBytes)
  if (inode.layout === layoutChunks) throw damaged(`inode ${inode.inode} has its data elsewhere`)
  const inline = inode.layout === layoutInline && index === blockCount(inode) - 1
  return source.read(inline ? inode.inode * slotBytes + inodeBytes + inode.xattrBytes : (inode.data + index) * blockBytes, length)
}

/** The blocks where a file's chunks are, and how many bytes each has. */
export const readChunks = (
  source: RandomAccess,
  inode: Inode,
): { readonly bytes: number; readonly blocks: readonly number[] } => {
  const bits = inode.data & 0xffff
  if (bits > 31) throw damaged(`inode ${inode.inode} has chunks of an unknown kind`)
  const bytes = 2 ** (bits + blockBits)
  const list = source.read(inode.inode * slotBytes + inodeBytes + inode.xattrBytes, Math.ceil(inode.size / bytes) * 4)
  return { bytes, blocks: Array.from({ length: list.length / 4 }, (_, index) => list.readUInt32LE(index * 4)) }
}
