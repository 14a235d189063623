import type { TarEntry } from '../../lib/tar/entry.ts'
import { bytesAsText } from './byte-text.ts'
import { checkEntries, createTree, layerError, type LayerTree } from './layer-tree.ts'
import { createImplicitFolder, createNode, setChild, type DraftNode, type Rare } from './node.ts'
import { componentLimit, componentsOf, metaPrefix, opaqueMarker, whiteoutPrefix } from './path.ts'
import { resolveFolder } from './resolve.ts'
import { keptXattrs } from './xattr-rules.ts'

/** Most components of symlink targets that are followed for one layer, so that no small layer makes much work. */
const followLimit = 10_000_000

/** Most bytes of a symlink's target in Linux. */
const targetLimit = 4095

const linkFolder = `${metaPrefix}plnk`

/**
 * Turns the entries of a layer's tar (image-spec layer.md) into a tree to which nothing outside the layer matters:
 * - names are taken relative to the root; `..`, NULs and parts beyond 255 bytes are refused;
 * - of entries for one path the last wins: a folder over a folder changes its attributes, anything else replaces what was there,
 *   with all that was in it. A folder in the place of something else, or of a whiteout, is opaque;
 * - a symlink on the way to an entry is followed inside the layer, as docker, containerd and umoci do;
 * - `.wh.NAME` and `.wh..wh..opq` never touch what the same layer brings, wherever they stand;
 * - a character device 0:0 is a whiteout, since overlayfs takes it for one.
 */
export class LayerTreeBuilder {
  readonly #root = createImplicitFolder()
  #nodes = 1
  #followed = 0
  /** Folders by the paths that entries had them under; forgotten when a name is taken by something else. */
  readonly #folders = new Map<string, DraftNode>()
  /** Files that aufs kept aside as the targets of hard links (docker before 2015). */
  readonly #kept = new Map<string, DraftNode>()
  readonly #shared = new Set<DraftNode>()

  /** Adds the next entry, whose body is at `bodyOffset` of the tar. LAYER_INVALID for one that may not be in a layer. */
  add(entry: TarEntry, bodyOffset: number): void {
    const path = bytesAsText(entry.name, entry.rawName)
    const slash = path.lastIndexOf('/')
    const name = path.slice(slash + 1)
    const parent = slash < 0 ? '' : path.slice(0, slash)
    if (
      name === '' ||
      name === '.' ||
      name === '..' ||
      name.length > componentLimit ||
      path.includes('\0') ||
      parent.includes(metaPrefix)
    )
      return this.#addUnusual(entry, bodyOffset, path)
    this.#addTo(this.#parent(parent, path), name, entry, bodyOffset, path)
  }

  /** The tree of all that was added. */
  finish(): LayerTree {
    return createTree(this.#root, 1, this.#shared)
  }

  #addUnusual(entry: TarEntry, bodyOffset: number, path: string): void {
    const components = componentsOf(path)
    const name = components.pop()
    if (name === undefined) {
      if (entry.kind !== 'folder') throw layerError(path, 'the root of a layer is a folder')
      describe(this.#root, entry, path)
      return
    }
    if (components[0] === linkFolder && components.length === 1 && entry.kind === 'file')
      this.#kept.set(name, this.#create(entry, bodyOffset, path))
    if (components.some((component) => component.startsWith(metaPrefix))) return
    this.#addTo(this.#parent(components.join('/'), path), name, entry, bodyOffset, path)
  }

  #parent(parent: string, path: string): DraftNode {
    const known = this.#folders.get(parent)
    if (known !== undefined) return known
    const folder = this.#resolve(componentsOf(parent), path, true)
    if (folder === undefined) throw layerError(path, 'its folder cannot be made')
    this.#folders.set(parent, folder)
    return folder
  }

  #resolve(components: readonly string[], path: string, make: boolean): DraftNode | undefined {
    return resolveFolder(
      this.#root,
      components,
      path,
      (folder, name) => {
        if (!make) return undefined
        if (name.startsWith(whiteoutPrefix)) throw layerError(path, `"${name}" can only be a whiteout`)
        if (name.length > componentLimit) throw layerError(path, `"${name}" has more than ${componentLimit} bytes`)
        const made = createImplicitFolder()
        this.#place(folder, name, made)
        return made
      },
      (count) => {
        this.#followed += count
        if (this.#followed > followLimit) throw layerError(path, 'the layer leads through too many symlinks')
      },
    )
  }

  #addTo(folder: DraftNode, name: string, entry: TarEntry, bodyOffset: number, path: string): void {
    if (name.startsWith(whiteoutPrefix)) return this.#whiteOut(folder, name, path)
    const existing = folder.children?.get(name)
    if (entry.kind === 'folder') {
      if (existing?.kind === 'folder') return describe(existing, entry, path)
      const made = createNode('folder')
      describe(made, entry, path)
      this.#place(folder, name, made)
    } else if (entry.kind === 'hardlink') {
      const target = this.#linkTarget(entry, path)
      if (target === existing) return
      this.#count()
      this.#shared.add(target)
      this.#place(folder, name, target)
    } else {
      this.#place(folder, name, this.#create(entry, bodyOffset, path))
    }
  }

  /** Gives the name to a node of this layer, replacing what has it. */
  #place(folder: DraftNode, name: string, node: DraftNode): void {
    const existing = folder.children?.get(name)
    if (existing !== undefined) {
      if (node.kind === 'folder') {
        // what the name stood for hides the folder of a lower layer, so that this one is new
        node.opaque = true
        node.implicit = false
      }
      this.#folders.clear()
    }
    if (node.kind === 'folder') this.#count()
    setChild(folder, name, node)
  }

  #whiteOut(folder: DraftNode, name: string, path: string): void {
    if (name === opaqueMarker) {
      folder.opaque = true
      return
    }
    if (name.startsWith(metaPrefix)) return
    const hidden = name.slice(whiteoutPrefix.length)
    if (hidden === '' || hidden === '.' || hidden === '..') throw layerError(path, 'a whiteout needs the name of what it deletes')
    const existing = folder.children?.get(hidden)
    if (existing === undefined) {
      this.#count()
      setChild(folder, hidden, createNode('whiteout'))
    } else if (existing.kind === 'folder') {
      existing.opaque = true
      existing.implicit = false
    }
  }

  #linkTarget(entry: TarEntry, path: string): DraftNode {
    const target = bytesAsText(entry.linkName ?? '', entry.rawLinkName)
    const components = componentsOf(target)
    const name = components.pop()
    if (name === undefined) throw layerError(path, 'it is a hard link to a folder')
    if (components[0] === linkFolder && components.length === 1) {
      const kept = this.#kept.get(name)
      if (kept !== undefined) return kept
    }
    const node = this.#resolve(components, path, false)?.children?.get(name)
    if (node === undefined) {
      const link = createNode('link')
      link.rare = { target: [...components, name].join('/') }
      return link
    }
    if (node.kind === 'folder') throw layerError(path, `it is a hard link to the folder "${target}"`)
    if (node.kind === 'whiteout') throw layerError(path, `it is a hard link to "${target}", which the layer deletes`)
    return node
  }

  #create(entry: TarEntry, bodyOffset: number, path: string): DraftNode {
    const { kind, device } = entry
    if (kind === 'hardlink' || kind === 'folder') throw layerError(path, 'it is not a file')
    this.#count()
    if (kind === 'character' && device?.major === 0 && device.minor === 0) return createNode('whiteout')
    const node = createNode(kind)
    describe(node, entry, path)
    const rare: { -readonly [K in keyof Rare]: Rare[K] } = { ...node.rare }
    if (kind === 'symlink') {
      rare.target = bytesAsText(entry.linkName ?? '', entry.rawLinkName)
      if (rare.target === '' || rare.target.length > targetLimit)
        throw layerError(path, `its target has not 1 to ${targetLimit} bytes without NUL`)
      node.size = rare.target.length
    } else if (kind === 'file') {
      node.size = entry.size
      if (entry.sparse === undefined) node.position = entry.size === 0 ? 0 : bodyOffset
      else {
        let position = bodyOffset
        rare.extents = entry.sparse.map(({ offset, length }) => ({ offset, length, position: (position += length) - length }))
      }
    } else if (kind !== 'fifo') {
      rare.major = device?.major ?? 0
      rare.minor = device?.minor ?? 0
      if (rare.major > 0xfff || rare.minor > 0xfffff) throw layerError(path, 'its device number is out of range')
    }
    if (Object.keys(rare).length > 0) node.rare = rare
    return node
  }

  #count(): void {
    checkEntries(++this.#nodes)
  }
}

/** Takes over the attributes of an entry. */
const describe = (node: DraftNode, entry: TarEntry, path: string): void => {
  node.mode = entry.mode
  node.uid = entry.uid
  node.gid = entry.gid
  node.seconds = entry.mtime.seconds
  node.nanoseconds = entry.mtime.nanoseconds
  node.implicit = false
  const xattrs = entry.xattrs === undefined ? undefined : keptXattrs(entry.xattrs, path)
  node.rare = xattrs === undefined ? undefined : { xattrs }
}
