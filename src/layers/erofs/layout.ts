import { sortedNames, type TreeNode } from '../tree/node.ts'
import type { LayerTree } from '../tree/layer-tree.ts'
import { shapeFolder, type FolderShape } from './folder-data.ts'
import { blockBytes, implicitXattr, inodeBytes, linkXattr, opaqueXattr, slotBytes } from './format.ts'
import { chunksOf, type Chunks } from './sparse-chunks.ts'
import { encodeXattrs } from './xattrs.ts'

/** An inode with its place in the image. */
export interface PlacedInode {
  readonly node: TreeNode
  /** Byte of the image. */
  at: number
  readonly xattrs: Buffer | undefined
  /** Bytes of data that stand right behind the inode: the end of a folder, or a symlink's target. */
  inline: number
  /** Block where data that is not inline starts, and how many there are. */
  block: number
  blocks: number
  readonly folder: PlacedFolder | undefined
  readonly chunks: Chunks | undefined
}

export interface PlacedFolder {
  readonly parent: PlacedInode | undefined
  /** With '.' and '..'. */
  readonly names: readonly string[]
  readonly shape: FolderShape
  /** What the names lead to; undefined for '.' and '..'. */
  readonly children: (PlacedInode | undefined)[]
}

export interface ImageLayout {
  /** The root first; what is in a folder stands together. */
  readonly inodes: readonly PlacedInode[]
  /** Bytes of the image. */
  readonly size: number
  readonly chunked: boolean
}

/** Gives every inode of a tree its place, from byte `start` of the image on. */
export const layOut = (tree: LayerTree, start: number): ImageLayout => {
  const inodes = placeInodes(tree)
  let at = start
  for (const inode of inodes) {
    at = fit(at, inode)
    inode.at = at
    at += roundUp(bytesOf(inode), slotBytes)
  }
  let block = Math.ceil(at / blockBytes)
  for (const inode of inodes) {
    if (inode.blocks === 0) continue
    inode.block = block
    block += inode.blocks
  }
  return {
    inodes,
    // whole pages, for programs that read the beginning of an image at once
    size: roundUp(block * blockBytes, 4096),
    chunked: inodes.some((inode) => inode.chunks !== undefined),
  }
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to

const bytesOf = (inode: PlacedInode): number =>
  inodeBytes + (inode.xattrs?.length ?? 0) + inode.inline + (inode.chunks === undefined ? 0 : inode.chunks.count * 4)

/** The next place where neither the inode itself nor, with inline data, anything of it crosses the end of a block. */
const fit = (at: number, inode: PlacedInode): number => {
  const together = inode.inline > 0 ? bytesOf(inode) : inodeBytes
  return (at % blockBytes) + together > blockBytes ? roundUp(at, blockBytes) : at
}

const placeInodes = (tree: LayerTree): PlacedInode[] => {
  const inodes: PlacedInode[] = [place(tree.root, undefined)]
  const shared = new Map<TreeNode, PlacedInode>()
  for (let next = 0; next < inodes.length; next++) {
    const parent = inodes[next] as PlacedInode
    const { folder } = parent
    if (folder === undefined) continue
    for (const name of folder.names) {
      const node = parent.node.children?.get(name)
      let inode = node === undefined || node.links === 1 ? undefined : shared.get(node)
      if (node !== undefined && inode === undefined) {
        inode = place(node, parent)
        inodes.push(inode)
        if (node.links > 1) shared.set(node, inode)
      }
      folder.children.push(inode)
    }
  }
  return inodes
}

const place = (node: TreeNode, parent: PlacedInode | undefined): PlacedInode => {
  const xattrs = xattrsOf(node)
  const room = blockBytes - inodeBytes - (xattrs?.length ?? 0)
  const inode: PlacedInode = {
    node,
    at: 0,
    xattrs,
    inline: 0,
    block: 0,
    blocks: 0,
    folder: node.kind === 'folder' ? placeFolder(node, parent) : undefined,
    chunks: node.rare?.extents === undefined || node.size === 0 ? undefined : chunksOf(node.size, node.rare.extents),
  }
  if (inode.folder !== undefined) {
    const { starts, tail } = inode.folder.shape
    inode.inline = tail <= room ? tail : 0
    inode.blocks = inode.inline > 0 ? starts.length - 1 : starts.length
  } else if (node.kind === 'symlink') {
    inode.inline = node.size <= room ? node.size : 0
    inode.blocks = inode.inline > 0 ? 0 : Math.ceil(node.size / blockBytes)
  }
  return inode
}

const placeFolder = (node: TreeNode, parent: PlacedInode | undefined): PlacedFolder => {
  const names = sortedNames(node)
  // few names sort before "."
  let at = names.findIndex((name) => name > '.')
  names.splice(at < 0 ? names.length : at, 0, '.')
  at = names.findIndex((name) => name > '..')
  names.splice(at < 0 ? names.length : at, 0, '..')
  return { parent, names, shape: shapeFolder(names), children: [] }
}

const xattrsOf = (node: TreeNode): Buffer | undefined => {
  const xattrs: Record<string, Uint8Array> = { ...node.rare?.xattrs }
  if (node.opaque) xattrs[opaqueXattr] = Buffer.from('y')
  if (node.implicit) xattrs[implicitXattr] = Buffer.from('y')
  if (node.kind === 'link') xattrs[linkXattr] = Buffer.from(node.rare?.target ?? '', 'latin1')
  return Object.keys(xattrs).length === 0 ? undefined : encodeXattrs(xattrs)
}
