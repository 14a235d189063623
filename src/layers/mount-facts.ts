import type { LayerTree } from './tree/layer-tree.ts'
import type { TreeNode } from './tree/node.ts'

/** What decides how a layer may be mounted, found out once when it is added. */
export interface MountFacts {
  /** Its own index, mounted alone, shows what the layer is over nothing. */
  readonly alone: boolean
  /**
   * Overlayfs makes the right thing of its index, if there is a folder below for each of `whiteoutsIn`. It does not know folders that a
   * layer only mentions, links into lower layers and roots that are opaque, and lists whiteouts where there is nothing to hide.
   */
  readonly stackable: boolean
  /** Folders, besides the root, with whiteouts in them; one character per byte. */
  readonly whiteoutsIn: readonly string[]
  /** It hides all layers below. */
  readonly opaqueRoot: boolean
}

/** More folders with whiteouts than this are not looked up one by one. */
const folderLimit = 256

export const mountFacts = (tree: LayerTree): MountFacts => {
  const whiteoutsIn: string[] = []
  let opaque = false
  let useless = false
  let whiteouts = false
  const folders: { readonly path: string; readonly node: TreeNode }[] = [{ path: '', node: tree.root }]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const { path, node } = folder
    opaque ||= node.opaque
    let hides = false
    for (const [name, child] of node.children ?? []) {
      if (child.kind === 'whiteout') hides = true
      else if (child.kind === 'folder') folders.push({ path: path === '' ? name : `${path}/${name}`, node: child })
    }
    whiteouts ||= hides
    useless ||= hides && node.opaque
    if (hides && path !== '') whiteoutsIn.push(path)
  }
  const exact = !tree.implicitFolders && !tree.lowerLinks
  return {
    alone: exact && !opaque && !whiteouts,
    stackable: exact && !tree.root.opaque && !useless && whiteoutsIn.length <= folderLimit,
    whiteoutsIn: whiteoutsIn.slice(0, folderLimit),
    opaqueRoot: tree.root.opaque,
  }
}
