import { GantryError } from '../../lib/errors.ts'
import { textFromBytes } from './byte-text.ts'
import { sortedNames, type DraftNode, type TreeNode } from './node.ts'

/** A layer, or several merged, as a tree. Immutable. */
export interface LayerTree {
  readonly root: TreeNode
  /** Number of devices that its files are in; `node.device` is below it. */
  readonly devices: number
  /** Number of paths, whiteouts included, the root not. */
  readonly entries: number
  /** Bytes of the contents of its files, each file once. */
  readonly contentSize: number
  /** Whether a folder besides the root is implicit: overlayfs would give it the wrong attributes over a lower layer. */
  readonly implicitFolders: boolean
  /** Whether there is a hard link to a file of a lower layer: only merging makes it right. */
  readonly lowerLinks: boolean
}

/** Most folders within each other. */
export const depthLimit = 1024

/** Most nodes that a tree may have. */
const entryLimit = 2 ** 22

/** Throws `resource_exhausted` (LAYER_TOO_LARGE) for more nodes than a tree may have. */
export const checkEntries = (count: number): void => {
  if (count > entryLimit)
    throw new GantryError('resource_exhausted', 'LAYER_TOO_LARGE', `Cannot index the layer: it has more than ${entryLimit} files`)
}

/** What may not be in a layer, at `path` (one character per byte): `invalid_argument`, LAYER_INVALID. */
export const layerError = (path: string, reason: string): GantryError =>
  new GantryError('invalid_argument', 'LAYER_INVALID', `Cannot take "${textFromBytes(path).text}" into the layer: ${reason}`)

/** Closes a draft: counts what it has, and the links of `shared`, the nodes that more than one name may lead to. */
export const createTree = (root: DraftNode, devices: number, shared: ReadonlySet<DraftNode>): LayerTree => {
  let entries = 0
  let contentSize = 0
  let implicitFolders = false
  let lowerLinks = false
  for (const node of shared) node.links = 0
  const folders = [root]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (folder.children === undefined) continue
    entries += folder.children.size
    for (const node of folder.children.values()) {
      if (node.kind === 'folder') {
        folders.push(node)
        implicitFolders ||= node.implicit
        continue
      }
      if (shared.has(node) && ++node.links > 1) continue
      contentSize += node.kind === 'file' ? node.size : 0
      lowerLinks ||= node.kind === 'link'
    }
  }
  return { root, devices, entries, contentSize, implicitFolders, lowerLinks }
}

/** The nodes of a tree with their paths (one character per byte, '' for the root), folders before what is in them, names in byte order. */
export function* walkTree(tree: LayerTree): Generator<{ readonly path: string; readonly node: TreeNode }, void, undefined> {
  const pending: { readonly path: string; readonly node: TreeNode }[] = [{ path: '', node: tree.root }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    yield next
    if (next.node.children === undefined) continue
    const prefix = next.path === '' ? '' : `${next.path}/`
    for (const name of sortedNames(next.node).reverse()) {
      const node = next.node.children.get(name)
      if (node !== undefined) pending.push({ path: prefix + name, node })
    }
  }
}

/** The node at a clean path (one character per byte); no links are followed. */
export const findNode = (tree: LayerTree, path: string): TreeNode | undefined => {
  let node: TreeNode | undefined = tree.root
  if (path === '') return node
  for (const name of path.split('/')) node = node?.children?.get(name)
  return node
}
