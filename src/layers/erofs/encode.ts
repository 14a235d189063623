import { GantryError } from '../../lib/errors.ts'
import type { LayerTree } from '../tree/layer-tree.ts'
import type { NodeKind } from '../tree/node.ts'
import { writeFolderBlock, type Dirent } from './folder-data.ts'
import {
  blockBits,
  blockBytes,
  compatMtime,
  deviceSlotBytes,
  deviceTableAt,
  direntTypes,
  encodeDevice,
  incompatChunkedFile,
  incompatDeviceTable,
  inodeBytes,
  layoutChunks,
  layoutInline,
  layoutPlain,
  magic,
  modeTypes,
  noBlock,
  slotBytes,
  superblockAt,
  setInt64,
  type InodeKind,
} from './format.ts'
import { layOut, type ImageLayout, type PlacedFolder, type PlacedInode } from './layout.ts'
import { writeChunks } from './sparse-chunks.ts'
import { xattrCount } from './xattrs.ts'

/** A file that the contents of a tree's files are in: a layer's uncompressed tar. */
export interface ErofsDevice {
  /** Its size. */
  readonly bytes: number
  /** What it is, for whoever looks at the image: at most 64 bytes of ASCII, such as the hex digits of its digest. */
  readonly tag?: string
}

export interface EncodeErofsOptions {
  /** As many as the tree has, in their order; the image is mounted with the same files in the same order. */
  readonly devices: readonly ErofsDevice[]
  /** 16 bytes by which overlayfs tells file systems apart. */
  readonly uuid?: Uint8Array
}

/**
 * An EROFS image, in pieces, of a tree without the contents of its files, which stay where they are in the extra devices. The same bytes for the same
 * tree and options, always. Whiteouts, opaque folders and what else only a single layer has are written as overlayfs and `ErofsReader`
 * understand them. `unsupported` for more than 2 TiB (EROFS_TOO_LARGE) and for sparse files that cannot be pointed at (LAYER_SPARSE).
 */
export const encodeErofs = (tree: LayerTree, options: EncodeErofsOptions): readonly Uint8Array[] => {
  const { devices, uuid } = options
  if (devices.length !== tree.devices)
    throw new GantryError(
      'internal',
      'EROFS_DEVICES',
      `Cannot write an index: the tree has ${tree.devices} devices, not ${devices.length}`,
    )
  const layout = layOut(tree, deviceTableAt + devices.length * deviceSlotBytes)
  const firstBlocks: number[] = []
  let block = layout.size / blockBytes
  for (const { bytes } of devices) {
    firstBlocks.push(block)
    block += Math.ceil(bytes / blockBytes)
  }
  if (block >= noBlock)
    throw new GantryError('unsupported', 'EROFS_TOO_LARGE', 'Cannot index the layers: together they have more than 2 TiB')
  const image = Buffer.alloc(layout.size)
  writeSuperblock(image, layout, devices.length, uuid)
  for (const [index, device] of devices.entries()) writeDevice(image, index, device, firstBlocks[index] ?? 0)
  // many small writes: a DataView is the quickest way to do them
  const view = new DataView(image.buffer, image.byteOffset, image.length)
  let serial = 1
  for (const inode of layout.inodes) {
    writeInode(image, view, inode, serial++, firstBlocks)
    if (inode.folder !== undefined) writeFolder(view, inode, inode.folder)
  }
  return [image]
}

const writeSuperblock = (image: Buffer, layout: ImageLayout, devices: number, uuid: Uint8Array | undefined): void => {
  const root = (layout.inodes[0] as PlacedInode).at / slotBytes
  if (root > 0xffff) throw new GantryError('unsupported', 'EROFS_TOO_LARGE', `Cannot index ${devices} layers at once`)
  const at = superblockAt
  image.writeUInt32LE(magic, at)
  image.writeUInt32LE(compatMtime, at + 8)
  image.writeUInt8(blockBits, at + 12)
  image.writeUInt16LE(root, at + 14)
  image.writeUInt32LE(layout.inodes.length, at + 16)
  image.writeUInt32LE(layout.size / blockBytes, at + 36)
  if (uuid !== undefined) image.set(uuid.subarray(0, 16), at + 48)
  image.writeUInt32LE((layout.chunked ? incompatChunkedFile : 0) | (devices > 0 ? incompatDeviceTable : 0), at + 80)
  image.writeUInt16LE(devices, at + 86)
  image.writeUInt16LE(devices > 0 ? deviceTableAt / deviceSlotBytes : 0, at + 88)
}

const writeDevice = (image: Buffer, index: number, device: ErofsDevice, firstBlock: number): void => {
  const at = deviceTableAt + index * deviceSlotBytes
  image.write((device.tag ?? '').slice(0, 64), at, 'latin1')
  image.writeUInt32LE(Math.ceil(device.bytes / blockBytes), at + 64)
  image.writeUInt32LE(firstBlock, at + 68)
}

const writeInode = (image: Buffer, view: DataView, inode: PlacedInode, serial: number, firstBlocks: readonly number[]): void => {
  const { node, at, xattrs, chunks, folder } = inode
  const layout = chunks !== undefined ? layoutChunks : inode.inline > 0 ? layoutInline : layoutPlain
  view.setUint16(at, (layout << 1) | 1, true)
  view.setUint16(at + 2, xattrCount(xattrs?.length ?? 0), true)
  view.setUint16(at + 4, modeTypes[inodeKind(node.kind)] | node.mode, true)
  const size = folder === undefined ? node.size : (folder.shape.starts.length - 1) * blockBytes + folder.shape.tail
  setInt64(view, at + 8, size)
  view.setUint32(at + 16, dataOf(inode, firstBlocks), true)
  view.setUint32(at + 20, serial, true)
  view.setUint32(at + 24, node.uid, true)
  view.setUint32(at + 28, node.gid, true)
  setInt64(view, at + 32, node.seconds)
  view.setUint32(at + 40, node.nanoseconds, true)
  view.setUint32(at + 44, folder === undefined ? node.links : 2 + folderCount(folder), true)
  if (xattrs !== undefined) image.set(xattrs, at + inodeBytes)
  const behind = at + inodeBytes + (xattrs?.length ?? 0)
  if (node.kind === 'symlink')
    image.write(node.rare?.target ?? '', inode.inline > 0 ? behind : inode.block * blockBytes, 'latin1')
  if (chunks !== undefined) writeChunks(image, behind, chunks, node.rare?.extents ?? [], firstBlocks[node.device] ?? 0)
}

/** The field that says where the data is, or what device it is. */
const dataOf = (inode: PlacedInode, firstBlocks: readonly number[]): number => {
  const { node, chunks } = inode
  switch (node.kind) {
    case 'file':
      if (chunks !== undefined) return chunks.bits
      return node.size === 0 ? 0 : (firstBlocks[node.device] ?? 0) + node.position / blockBytes
    case 'character':
    case 'block':
      return encodeDevice(node.rare?.major ?? 0, node.rare?.minor ?? 0)
    case 'folder':
    case 'symlink':
      return inode.block
    case 'fifo':
    case 'whiteout':
    case 'link':
      return 0
  }
}

const inodeKind = (kind: NodeKind): InodeKind => (kind === 'whiteout' ? 'character' : kind === 'link' ? 'file' : kind)

const folderCount = (folder: PlacedFolder): number =>
  folder.children.reduce((sum, child) => sum + (child?.folder === undefined ? 0 : 1), 0)

const writeFolder = (view: DataView, inode: PlacedInode, folder: PlacedFolder): void => {
  const { names, children, shape } = folder
  const dirents: Dirent[] = []
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    const target = children[i] ?? (name === '.' ? inode : (folder.parent ?? inode))
    dirents.push({ name, inode: target.at / slotBytes, type: direntTypes[inodeKind(target.node.kind)] })
  }
  for (const [index, start] of shape.starts.entries()) {
    const inline = inode.inline > 0 && index === shape.starts.length - 1
    const at = inline ? inode.at + inodeBytes + (inode.xattrs?.length ?? 0) : (inode.block + index) * blockBytes
    writeFolderBlock(view, at, dirents, start, shape.starts[index + 1] ?? names.length)
  }
}
