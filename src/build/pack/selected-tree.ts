import type { ByteStream } from '../../lib/bytes.ts'
import { joinPath, nameOf, parentOf, type Tree, type TreeEntry } from '../tree/tree.ts'

/** What is known of a path that was added, or that leads to one. */
interface Place {
  /** Whether all that is below is taken. */
  whole: boolean
  /** Whether its own node_modules is. */
  modules: boolean
  /** Where a symlink leads that the tree does not have. */
  target?: string
  /** Where the files are, if not in the tree. */
  tree?: Tree
  readonly children: Set<string>
}

/**
 * A part of a tree: some of its folders and symlinks, and symlinks that it does not have. It looks the same whoever's files they are,
 * whatever umask they were made under, and however a package manager shares them: owned by root, modes 0644 or 0755, no hard links.
 */
export class SelectedTree implements Tree {
  readonly #tree: Tree
  readonly #places = new Map<string, Place>()
  readonly #executables = new Set<string>()
  readonly #left = new Set<string>()

  constructor(tree: Tree) {
    this.#tree = tree
    this.#place('')
  }

  get empty(): boolean {
    const root = this.#places.get('')
    return root === undefined || (root.children.size === 0 && !root.whole)
  }

  /** Takes a folder with all that is below it, its own node_modules only where asked to; of another tree if one is given. */
  addFolder(path: string, { modules, tree }: { readonly modules: boolean; readonly tree?: Tree }): void {
    const place = this.#place(path)
    place.whole = true
    place.modules = modules
    if (tree !== undefined) place.tree = tree
  }

  /** Leaves out what is at a path, unless it is added itself. */
  leaveOut(path: string): void {
    this.#left.add(path)
  }

  /** Takes a symlink of the tree. */
  addLink(path: string): void {
    this.#place(path)
  }

  /** Puts a symlink where the tree may have something else. */
  putLink(path: string, target: string): void {
    this.#place(path).target = target
  }

  /** Makes a file of the tree one that can be run. */
  makeExecutable(path: string): void {
    this.#executables.add(path)
  }

  #place(path: string): Place {
    const known = this.#places.get(path)
    if (known !== undefined) return known
    const place: Place = { whole: false, modules: false, children: new Set() }
    this.#places.set(path, place)
    if (path !== '') this.#place(parentOf(path)).children.add(nameOf(path))
    return place
  }

  async stat(path: string): Promise<TreeEntry | undefined> {
    const place = this.#places.get(path)
    if (place?.target !== undefined) return { ...common, ...symlink, path, target: place.target }
    const entry = await this.#treeOf(path).stat(path)
    if (place !== undefined && place.children.size > 0 && entry?.kind !== 'folder') return { ...common, ...folder, path }
    return entry === undefined ? undefined : this.#plain(entry)
  }

  async list(path: string): Promise<readonly TreeEntry[]> {
    const place = this.#places.get(path)
    const entries: TreeEntry[] = []
    if (place === undefined || place.whole)
      for (const entry of await this.#treeOf(path).list(path)) {
        const name = nameOf(entry.path)
        if (this.#left.has(entry.path)) continue
        if (place?.children.has(name) === true || (place?.modules === false && name === 'node_modules')) continue
        const plain = this.#plain(entry)
        if (plain !== undefined) entries.push(plain)
      }
    if (place === undefined || place.children.size === 0) return entries
    for (const name of place.children) {
      const entry = await this.stat(joinPath(path, name))
      if (entry !== undefined) entries.push(entry)
    }
    return entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  }

  read(entry: TreeEntry): ByteStream {
    return this.#treeOf(entry.path).read(entry)
  }

  digest(entry: TreeEntry): Promise<string> | string {
    return this.#treeOf(entry.path).digest(entry)
  }

  /** The tree of the nearest folder that was taken. */
  #treeOf(path: string): Tree {
    for (let folder = path; ; folder = parentOf(folder)) {
      const place = this.#places.get(folder)
      if (place?.tree !== undefined) return place.tree
      if (folder === '' || place?.whole === true) return this.#tree
    }
  }

  #plain({ path, kind, mode, size, mtime, target }: TreeEntry): TreeEntry | undefined {
    const own = { ...common, path, mtime }
    switch (kind) {
      case 'file':
        return { ...own, kind, mode: (mode & 0o111) !== 0 || this.#executables.has(path) ? 0o755 : 0o644, size }
      case 'folder':
        return { ...own, ...folder }
      case 'symlink':
        return { ...own, ...symlink, ...(target === undefined ? {} : { target }) }
      case 'character':
      case 'block':
      case 'fifo':
        return undefined
    }
  }
}

const common = { uid: 0, gid: 0, size: 0, mtime: { seconds: 0, nanoseconds: 0 } } as const
const symlink = { kind: 'symlink', mode: 0o777 } as const
const folder = { kind: 'folder', mode: 0o755 } as const
