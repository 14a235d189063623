import { GantryError } from '../../lib/errors.ts'
import { checkEntries, createTree, type LayerTree } from './layer-tree.ts'
import { createNode, setChild, type DraftNode, type TreeNode } from './node.ts'
import { resolveFolder } from './resolve.ts'

/**
 * The tree of an image: its layers' trees, base first, put over each other (image-spec layer.md). Whiteouts and opaque folders have
 * done their work and are gone; implicit folders have the attributes of the folder below, hard links into lower layers their files.
 * The devices of the trees follow each other in the same order. The trees given are not changed, unless they are the callee's `own`:
 * then their files become those of the tree that is made, which saves much of the memory.
 * `invalid_argument` (LAYER_LINK_BROKEN) for a hard link to what no lower layer has.
 */
export const mergeTrees = (trees: Iterable<LayerTree>, own = false): LayerTree => {
  const root = createNode('folder')
  const shared = new Set<DraftNode>()
  let devices = 0
  let entries = 0
  for (const tree of trees) {
    checkEntries((entries += tree.entries))
    const links = tree.lowerLinks ? resolveLinks(root, tree) : new Map<TreeNode, DraftNode>()
    new Merge(devices, shared, links, own).apply(root, tree.root)
    devices += tree.devices
  }
  return createTree(root, devices, shared)
}

/** Puts one layer over what there is. */
class Merge {
  readonly #firstDevice: number
  readonly #shared: Set<DraftNode>
  /** The copies of nodes that have several names, and what links into lower layers lead to. */
  readonly #copies: Map<TreeNode, DraftNode>

  readonly #own: boolean

  constructor(firstDevice: number, shared: Set<DraftNode>, links: Map<TreeNode, DraftNode>, own: boolean) {
    this.#firstDevice = firstDevice
    this.#shared = shared
    this.#copies = links
    this.#own = own
  }

  apply(into: DraftNode, from: TreeNode): void {
    if (!from.implicit) copyAttributes(into, from)
    if (from.opaque) into.children = undefined
    if (from.children === undefined) return
    for (const [name, node] of from.children) {
      if (node.kind === 'whiteout') into.children?.delete(name)
      else if (node.kind === 'folder') {
        let folder = into.children?.get(name)
        if (folder?.kind !== 'folder') {
          folder = createNode('folder')
          setChild(into, name, folder)
        }
        this.apply(folder, node)
      } else setChild(into, name, this.#copy(node))
    }
  }

  #copy(node: TreeNode): DraftNode {
    const known = this.#copies.get(node)
    if (known !== undefined) {
      this.#shared.add(known)
      return known
    }
    if (this.#own && node.links === 1) {
      const taken = node as DraftNode
      taken.device += this.#firstDevice
      return taken
    }
    const copy = createNode(node.kind)
    copyAttributes(copy, node)
    copy.size = node.size
    copy.device = node.device + this.#firstDevice
    copy.position = node.position
    if (node.links > 1) this.#copies.set(node, copy)
    return copy
  }
}

const copyAttributes = (into: DraftNode, from: TreeNode): void => {
  into.mode = from.mode
  into.uid = from.uid
  into.gid = from.gid
  into.seconds = from.seconds
  into.nanoseconds = from.nanoseconds
  into.rare = from.rare
}

/** What the hard links of a tree into lower layers lead to there, before the tree itself changes anything. */
const resolveLinks = (root: DraftNode, tree: LayerTree): Map<TreeNode, DraftNode> => {
  const found = new Map<TreeNode, DraftNode>()
  const folders = [tree.root]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const [name, node] of folder.children ?? []) {
      if (node.kind === 'folder') folders.push(node)
      if (node.kind !== 'link' || found.has(node)) continue
      const components = (node.rare?.target ?? '').split('/')
      const last = components.pop() ?? ''
      const target = resolveFolder(root, components, name, () => undefined)?.children?.get(last)
      if (target === undefined || target.kind === 'folder')
        throw new GantryError(
          'invalid_argument',
          'LAYER_LINK_BROKEN',
          `Cannot put the layers over each other: "${name}" is a hard link to "${node.rare?.target ?? ''}", which is no file of a lower layer`,
        )
      found.set(node, target)
    }
  }
  return found
}
