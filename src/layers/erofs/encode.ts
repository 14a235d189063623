import { GantryError } from '../../lib/errors.ts'
import type { LayerTree } from '../tree/layer-tree.ts'
import type { NodeKind, TreeNode } from '../tree/node.ts'
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
import { bytesOf, layOut, type ImageLayout, type PlacedData, type PlacedFolder } from './layout.ts'
import { writeChunks } from './sparse-chunks.ts'
import { Window } from './window.ts'
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
export const encodeErofs = (tree: LayerTree, options: EncodeErofsOptions): Iterable<Uint8Array> => {
  const { devices, uuid } = options
  if (devices.length !== tree.devices)
    throw new GantryError(
      'internal',
      'EROFS_DEVICES',
      `Cannot write an index: the tree has ${tree.devices} devices, not ${devices.length}`,
    )
  const start = deviceTableAt + devices.length * deviceSlotBytes
  const layout = layOut(tree, start)
  const firstBlocks: number[] = []
  let block = layout.size / blockBytes
  for (const { bytes } of devices) {
    firstBlocks.push(block)
    block += Math.ceil(bytes / blockBytes)
  }
  if (block >= noBlock)
    throw new GantryError('unsupported', 'EROFS_TOO_LARGE', 'Cannot index the layers: together they have more than 2 TiB')
  const head = Buffer.alloc(start)
  writeSuperblock(head, layout, devices.length, uuid)
  for (const [index, device] of devices.entries()) writeDevice(head, index, device, firstBlocks[index] ?? 0)
  return pieces(head, layout, firstBlocks)
}

/** The image from its start to its end: first all inodes, with what stands right behind them, then all blocks. */
function* pieces(head: Buffer, layout: ImageLayout, firstBlocks: readonly number[]): Generator<Uint8Array> {
  yield head
  const window = new Window(head.length)
  for (let inode = 0; inode < layout.nodes.length; inode++) {
    const data = layout.data.get(inode)
    yield* window.reach(byteOf(layout, inode), bytesOf(data))
    writeInode(window, layout, inode, data, firstBlocks)
    if (data?.folder !== undefined && data.inline > 0) writeFolder(window, layout, inode, data, true)
  }
  for (const [inode, data] of layout.data) {
    if (data.blocks === 0) continue
    yield* window.reach(data.block * blockBytes, data.blocks * blockBytes)
    if (data.folder !== undefined) writeFolder(window, layout, inode, data, false)
    else window.image.write(layout.nodes[inode]?.rare?.target ?? '', data.block * blockBytes - window.start, 'latin1')
  }
  yield* window.reach(layout.size, 0)
  yield window.image.subarray(0, layout.size - window.start)
}

const byteOf = (layout: ImageLayout, inode: number): number => (layout.slots[inode] as number) * slotBytes

const writeSuperblock = (image: Buffer, layout: ImageLayout, devices: number, uuid: Uint8Array | undefined): void => {
  const root = layout.slots[0] as number
  if (root > 0xffff) throw new GantryError('unsupported', 'EROFS_TOO_LARGE', `Cannot index ${devices} layers at once`)
  const at = superblockAt
  const chunked = layout.data.values().some(({ chunks }) => chunks !== undefined)
  image.writeUInt32LE(magic, at)
  image.writeUInt32LE(compatMtime, at + 8)
  image.writeUInt8(blockBits, at + 12)
  image.writeUInt16LE(root, at + 14)
  image.writeUInt32LE(layout.nodes.length, at + 16)
  image.writeUInt32LE(layout.size / blockBytes, at + 36)
  if (uuid !== undefined) image.set(uuid.subarray(0, 16), at + 48)
  image.writeUInt32LE((chunked ? incompatChunkedFile : 0) | (devices > 0 ? incompatDeviceTable : 0), at + 80)
  image.writeUInt16LE(devices, at + 86)
  image.writeUInt16LE(devices > 0 ? deviceTableAt / deviceSlotBytes : 0, at + 88)
}

const writeDevice = (image: Buffer, index: number, device: ErofsDevice, firstBlock: number): void => {
  const at = deviceTableAt + index * deviceSlotBytes
  image.write((device.tag ?? '').slice(0, 64), at, 'latin1')
  image.writeUInt32LE(Math.ceil(device.bytes / blockBytes), at + 64)
  image.writeUInt32LE(firstBlock, at + 68)
}

const writeInode = (
  window: Window,
  layout: ImageLayout,
  inode: number,
  data: PlacedData | undefined,
  firstBlocks: readonly number[],
): void => {
  const node = layout.nodes[inode] as TreeNode
  const { image, view } = window
  const { xattrs, chunks, folder, inline = 0 } = data ?? {}
  const at = byteOf(layout, inode) - window.start
  const dataLayout = chunks !== undefined ? layoutChunks : inline > 0 ? layoutInline : layoutPlain
  view.setUint16(at, (dataLayout << 1) | 1, true)
  view.setUint16(at + 2, xattrCount(xattrs?.length ?? 0), true)
  view.setUint16(at + 4, modeTypes[inodeKind(node.kind)] | node.mode, true)
  const size = folder === undefined ? node.size : (folder.shape.starts.length - 1) * blockBytes + folder.shape.tail
  setInt64(view, at + 8, size)
  view.setUint32(at + 16, dataOf(node, data, firstBlocks), true)
  view.setUint32(at + 20, inode + 1, true)
  view.setUint32(at + 24, node.uid, true)
  view.setUint32(at + 28, node.gid, true)
  setInt64(view, at + 32, node.seconds)
  view.setUint32(at + 40, node.nanoseconds, true)
  view.setUint32(at + 44, folder === undefined ? node.links : folderLinks(layout, folder), true)
  if (xattrs !== undefined) image.set(xattrs, at + inodeBytes)
  const behind = at + inodeBytes + (xattrs?.length ?? 0)
  if (node.kind === 'symlink' && inline > 0) image.write(node.rare?.target ?? '', behind, 'latin1')
  if (chunks !== undefined) writeChunks(image, behind, chunks, node.rare?.extents ?? [], firstBlocks[node.device] ?? 0)
}

/** The field that says where the data is, or what device it is. */
const dataOf = (node: TreeNode, data: PlacedData | undefined, firstBlocks: readonly number[]): number => {
  switch (node.kind) {
    case 'file':
      if (data?.chunks !== undefined) return data.chunks.bits
      return node.size === 0 ? 0 : (firstBlocks[node.device] ?? 0) + node.position / blockBytes
    case 'character':
    case 'block':
      return encodeDevice(node.rare?.major ?? 0, node.rare?.minor ?? 0)
    case 'folder':
    case 'symlink':
      return data?.block ?? 0
    case 'fifo':
    case 'whiteout':
    case 'link':
      return 0
  }
}

const inodeKind = (kind: NodeKind): InodeKind => (kind === 'whiteout' ? 'character' : kind === 'link' ? 'file' : kind)

/** A folder's own two names, and the '..' of each folder in it. */
const folderLinks = (layout: ImageLayout, folder: PlacedFolder): number =>
  folder.children.reduce((sum, child) => sum + (layout.nodes[child]?.kind === 'folder' ? 1 : 0), 0)

/** Writes the end of a folder that stands behind its inode, or the blocks before it. */
const writeFolder = (window: Window, layout: ImageLayout, inode: number, data: PlacedData, inline: boolean): void => {
  const { names, children, shape } = data.folder as PlacedFolder
  const direntOf = (index: number): Dirent => {
    const child = children[index] as number
    return {
      name: names[index] as string,
      inode: layout.slots[child] as number,
      type: direntTypes[inodeKind((layout.nodes[child] as TreeNode).kind)],
    }
  }
  const last = shape.starts.length - 1
  for (let block = inline ? last : 0; block <= (inline || data.inline === 0 ? last : last - 1); block++) {
    const start = shape.starts[block] as number
    const dirents = Array.from({ length: (shape.starts[block + 1] ?? names.length) - start }, (_, index) =>
      direntOf(start + index),
    )
    const at = inline ? byteOf(layout, inode) + inodeBytes + (data.xattrs?.length ?? 0) : (data.block + block) * blockBytes
    writeFolderBlock(window.view, at - window.start, dirents)
  }
}
