import { createTree, type LayerTree } from '../tree/layer-tree.ts'
import { createNode, setChild, type DraftNode, type Extent, type Rare } from '../tree/node.ts'
import { decodeDevice, implicitXattr, layoutChunks, linkXattr, opaqueXattr } from './format.ts'
import type { Inode } from './inode.ts'
import { damaged } from './random-access.ts'
import type { ErofsReader } from './reader.ts'

/** The tree that an index was made of, for merging. `data_loss` (EROFS_DAMAGED) if it makes no sense. */
export const treeOf = (reader: ErofsReader): LayerTree => {
  const shared = new Map<number, DraftNode>()
  // the folders that the current name is in
  const folders: DraftNode[] = []
  for (const { name, depth, inode } of reader.walk()) {
    const known = inode.links === 1 ? undefined : shared.get(inode.inode)
    const node = known ?? nodeOf(reader, inode)
    if (node.kind === 'folder') folders[depth] = node
    else if (inode.links > 1) shared.set(inode.inode, node)
    const parent = folders[depth - 1]
    if (depth > 0 && parent !== undefined) setChild(parent, name, node)
  }
  return createTree(folders[0] ?? createNode('folder'), reader.devices.length, new Set(shared.values()))
}

const nodeOf = (reader: ErofsReader, inode: Inode): DraftNode => {
  const node = createNode(inode.kind)
  node.mode = inode.mode
  node.uid = inode.uid
  node.gid = inode.gid
  node.seconds = inode.seconds
  node.nanoseconds = inode.nanoseconds
  const rare: { -readonly [K in keyof Rare]: Rare[K] } = {}
  if (inode.xattrBytes > 0) {
    const { [opaqueXattr]: opaque, [implicitXattr]: implicit, [linkXattr]: link, ...xattrs } = { ...reader.xattrs(inode) }
    node.opaque = opaque !== undefined
    node.implicit = implicit !== undefined
    if (link !== undefined) {
      node.kind = 'link'
      rare.target = Buffer.from(link).toString('latin1')
    }
    if (Object.keys(xattrs).length > 0) rare.xattrs = xattrs
  }
  if (node.kind === 'symlink') {
    rare.target = reader.target(inode)
    node.size = inode.size
  } else if (node.kind === 'file') {
    node.size = inode.size
    placeFile(reader, inode, node, rare)
  } else if (node.kind === 'character' && inode.data === 0) {
    node.kind = 'whiteout'
  } else if (node.kind === 'character' || node.kind === 'block') {
    Object.assign(rare, decodeDevice(inode.data))
  }
  if (Object.keys(rare).length > 0) node.rare = rare
  return node
}

const placeFile = (reader: ErofsReader, inode: Inode, node: DraftNode, rare: { -readonly [K in keyof Rare]: Rare[K] }): void => {
  const parts = reader.parts(inode)
  const first = parts.find((part) => part.device !== undefined)
  node.device = first?.device ?? 0
  if (inode.layout !== layoutChunks) {
    node.position = first?.position ?? 0
    return
  }
  const extents: Extent[] = []
  let offset = 0
  for (const { device, position, length } of parts) {
    if (device !== undefined && device !== node.device) throw damaged('a file is in several devices')
    if (device !== undefined) extents.push({ offset, length, position })
    offset += length
  }
  rare.extents = extents
}
