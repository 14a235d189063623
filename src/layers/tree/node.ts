/**
 * What a node is. A 'whiteout' deletes what lower layers have at its path; a 'link' is a hard link to a path that is not in
 * this layer (`target`), to be resolved when layers are merged.
 */
export type NodeKind = 'file' | 'folder' | 'symlink' | 'character' | 'block' | 'fifo' | 'whiteout' | 'link'

/** Where a part of a file stands: `length` bytes at byte `offset` of the file are at `position` of the device. */
export interface Extent {
  readonly offset: number
  readonly length: number
  readonly position: number
}

/** What only some nodes have, apart so that a tree of many files stays small. */
export interface Rare {
  /** Target of a symlink, or path of a 'link'; one character per byte. */
  readonly target?: string
  readonly major?: number
  readonly minor?: number
  /** Of a sparse file: its stored parts, sorted; the rest is zeros. */
  readonly extents?: readonly Extent[]
  /** By full name. */
  readonly xattrs?: Readonly<Record<string, Uint8Array>>
}

/** A file, folder or whatever else a path of a layer may lead to; several names of one file share one node. */
export interface TreeNode {
  readonly kind: NodeKind
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly seconds: number
  readonly nanoseconds: number
  /** Bytes of a file's contents, of a symlink's target; 0 for the rest. */
  readonly size: number
  /** Which device has a file's contents, and where in it they start, a multiple of 512; 0 for an empty file, and for a sparse one (`rare.extents`). */
  readonly device: number
  readonly position: number
  /** Names that lead to it. */
  readonly links: number
  /** What is in a folder, by name (one character per byte), in no order; absent or empty for an empty one. */
  readonly children: ReadonlyMap<string, TreeNode> | undefined
  /** A folder that nobody described: 0755 root, but a folder of a lower layer keeps its attributes. */
  readonly implicit: boolean
  /** A folder that hides what lower layers have in it. */
  readonly opaque: boolean
  readonly rare: Rare | undefined
}

/** A node while its tree is made. */
export type DraftNode = { -readonly [K in keyof Omit<TreeNode, 'children'>]: TreeNode[K] } & {
  children: Map<string, DraftNode> | undefined
}

/** One function makes all nodes, so that they have one shape for the engine. */
export const createNode = (kind: NodeKind): DraftNode => ({
  kind,
  mode: kind === 'folder' ? 0o755 : 0,
  uid: 0,
  gid: 0,
  seconds: 0,
  nanoseconds: 0,
  size: 0,
  device: 0,
  position: 0,
  links: 1,
  children: undefined,
  implicit: false,
  opaque: false,
  rare: undefined,
})

/** A folder as it is when something in it is mentioned, but not the folder. */
export const createImplicitFolder = (): DraftNode => {
  const node = createNode('folder')
  node.implicit = true
  return node
}

/** Puts a node into a folder, in the place of what had the name. */
export const setChild = (folder: DraftNode, name: string, node: DraftNode): void => {
  folder.children ??= new Map()
  folder.children.set(name, node)
}

/** The names in a folder in the order of their bytes. */
export const sortedNames = (folder: TreeNode): string[] =>
  folder.children === undefined ? [] : [...folder.children.keys()].sort()
