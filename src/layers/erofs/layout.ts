import { sortedNames, type TreeNode } from '../tree/node.ts'
import type { LayerTree } from '../tree/layer-tree.ts'
import { shapeFolder, type FolderShape } from './folder-data.ts'
import { blockBytes, implicitXattr, inodeBytes, linkXattr, opaqueXattr, slotBytes } from './format.ts'
import { chunksOf, type Chunks } from './sparse-chunks.ts'
import { encodeXattrs } from './xattrs.ts'

/** What some inodes have besides their node and place; most files have nothing of it. */
export interface PlacedData {
  readonly xattrs: Buffer | undefined
  /** Bytes of data that stand right behind the inode: the end of a folder, or a symlink's target. */
  readonly inline: number
  /** Block where data that is not inline starts, and how many there are. */
  block: number
  readonly blocks: number
  readonly folder: PlacedFolder | undefined
  readonly chunks: Chunks | undefined
}

export interface PlacedFolder {
  /** With '.' and '..'. */
  readonly names: readonly string[]
  readonly shape: FolderShape
  /** The inodes that the names lead to. */
  readonly children: readonly number[]
}

/** The inodes by number: the root is 0, what is in a folder stands together. Arrays of numbers, since there may be millions. */
export interface ImageLayout {
  readonly nodes: readonly TreeNode[]
  /** Where each inode stands, in units of 32 bytes. */
  readonly slots: Uint32Array
  readonly data: ReadonlyMap<number, PlacedData>
  /** Bytes of the image. */
  readonly size: number
}

/** Gives every inode of a tree its place, from byte `start` of the image on. */
export const layOut = (tree: LayerTree, start: number): ImageLayout => {
  const { nodes, data } = placeInodes(tree)
  const slots = new Uint32Array(nodes.length)
  let at = start
  for (let inode = 0; inode < nodes.length; inode++) {
    const placed = data.get(inode)
    at = fit(at, placed)
    slots[inode] = at / slotBytes
    at += roundUp(bytesOf(placed), slotBytes)
  }
  let block = Math.ceil(at / blockBytes)
  for (const placed of data.values()) {
    if (placed.blocks === 0) continue
    placed.block = block
    block += placed.blocks
  }
  // whole pages, for programs that read the beginning of an image at once
  return { nodes, slots, data, size: roundUp(block * blockBytes, 4096) }
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to

/** Bytes of an inode with what stands right behind it. */
export const bytesOf = (data: PlacedData | undefined): number =>
  data === undefined
    ? inodeBytes
    : inodeBytes + (data.xattrs?.length ?? 0) + data.inline + (data.chunks === undefined ? 0 : data.chunks.count * 4)

/** The next place where neither the inode itself nor, with inline data, anything of it crosses the end of a block. */
const fit = (at: number, data: PlacedData | undefined): number => {
  const together = data !== undefined && data.inline > 0 ? bytesOf(data) : inodeBytes
  return (at % blockBytes) + together > blockBytes ? roundUp(at, blockBytes) : at
}

const placeInodes = (tree: LayerTree): { readonly nodes: TreeNode[]; readonly data: Map<number, PlacedData> } => {
  const nodes: TreeNode[] = [tree.root]
  const parents = new Map([[0, 0]])
  const shared = new Map<TreeNode, number>()
  const data = new Map<number, PlacedData>()
  for (let inode = 0; inode < nodes.length; inode++) {
    const node = nodes[inode] as TreeNode
    if (node.kind !== 'folder') {
      const placed = placeFile(node)
      if (placed !== undefined) data.set(inode, placed)
      continue
    }
    const names = namesIn(node)
    const children = names.map((name) => {
      if (name === '.') return inode
      if (name === '..') return parents.get(inode) ?? 0
      const child = node.children?.get(name) as TreeNode
      const known = child.links === 1 ? undefined : shared.get(child)
      if (known !== undefined) return known
      const number = nodes.push(child) - 1
      if (child.links > 1) shared.set(child, number)
      if (child.kind === 'folder') parents.set(number, inode)
      return number
    })
    parents.delete(inode)
    data.set(inode, placeFolder(node, names, children))
  }
  return { nodes, data }
}

const placeFolder = (node: TreeNode, names: readonly string[], children: readonly number[]): PlacedData => {
  const xattrs = xattrsOf(node)
  const shape = shapeFolder(names)
  const { starts, tail } = shape
  const inline = tail <= roomBehind(xattrs) ? tail : 0
  const blocks = inline > 0 ? starts.length - 1 : starts.length
  return { xattrs, inline, block: 0, blocks, folder: { names, shape, children }, chunks: undefined }
}

const placeFile = (node: TreeNode): PlacedData | undefined => {
  if (node.rare === undefined && !node.opaque && !node.implicit && node.kind !== 'link') return undefined
  const xattrs = xattrsOf(node)
  const chunks = node.rare?.extents === undefined || node.size === 0 ? undefined : chunksOf(node.size, node.rare.extents)
  const target = node.kind === 'symlink' ? node.size : 0
  const inline = target <= roomBehind(xattrs) ? target : 0
  return { xattrs, inline, block: 0, blocks: Math.ceil((target - inline) / blockBytes), folder: undefined, chunks }
}

const roomBehind = (xattrs: Buffer | undefined): number => blockBytes - inodeBytes - (xattrs?.length ?? 0)

const namesIn = (node: TreeNode): readonly string[] => {
  const names = sortedNames(node)
  // few names sort before "."
  let at = names.findIndex((name) => name > '.')
  names.splice(at < 0 ? names.length : at, 0, '.')
  at = names.findIndex((name) => name > '..')
  names.splice(at < 0 ? names.length : at, 0, '..')
  return names
}

const xattrsOf = (node: TreeNode): Buffer | undefined => {
  const xattrs: Record<string, Uint8Array> = { ...node.rare?.xattrs }
  if (node.opaque) xattrs[opaqueXattr] = Buffer.from('y')
  if (node.implicit) xattrs[implicitXattr] = Buffer.from('y')
  if (node.kind === 'link') xattrs[linkXattr] = Buffer.from(node.rare?.target ?? '', 'latin1')
  return Object.keys(xattrs).length === 0 ? undefined : encodeXattrs(xattrs)
}
