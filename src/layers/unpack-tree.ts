import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import { GantryError, systemCode } from '../lib/errors.ts'
import { nativeFiles } from '../lib/native-files.ts'
import { writeAllSync } from './synced-files.ts'
import type { LayerTree } from './tree/layer-tree.ts'
import { sortedNames, type TreeNode } from './tree/node.ts'

export interface UnpackTreeOptions {
  /** Open files that have the contents: the devices of the tree that says what is seen. */
  readonly tars: readonly number[]
  /** An existing empty folder; absolute. */
  readonly root: string
  /** Opaque folders are marked for an overlay in a user namespace. */
  readonly userXattr: boolean
}

/** A path below the root that is made; one character per byte. */
interface Made {
  readonly path: string
  readonly node: TreeNode
}

/** What is below a path: a node, nothing, or not known. */
type Below = TreeNode | undefined | typeof anything
const anything = 'anything'

const windowSize = 1024 * 1024
const typeBits = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const

/**
 * Makes a layer's tree in an empty folder as overlayfs wants it. All folders come first, then files in the order of their contents, and last the
 * attributes of the folders. Every path goes through folders that were made here, so nothing a layer says can lead out. Synchronous and with as
 * few calls for each file as there can be (open, write, times, close), which is what takes the time.
 *
 * Who may not do so makes no devices, sets no owners and no privileged xattrs; the layer's index knows them all the same.
 */
export class TreeUnpacker {
  readonly #options: UnpackTreeOptions
  readonly #root: string
  readonly #window = Buffer.allocUnsafeSlow(windowSize)
  readonly #umask = process.umask()
  readonly #uid = process.geteuid?.() ?? 0
  readonly #gid = process.getegid?.() ?? 0
  #mayChown = true
  /** What of which tar the window has. */
  #windowOf = { device: -1, start: 0, end: 0 }
  readonly #folders: Made[] = []
  readonly #files: Made[] = []
  readonly #links: { readonly path: string; readonly first: string }[] = []
  readonly #firstNames = new Map<TreeNode, string>()

  constructor(options: UnpackTreeOptions) {
    this.#options = options
    this.#root = Buffer.from(options.root).toString('latin1')
  }

  /**
   * Makes the layer, for any place or for one: `below` is what it will be put over, `seen` what that shows then, which knows the
   * attributes and contents of what the layer only mentions.
   */
  unpack(layer: LayerTree, place?: { readonly below: LayerTree; readonly seen: LayerTree }): void {
    // a folder with the setgid bit around would hand its group down
    chownSync(this.#options.root, this.#uid, this.#gid)
    chmodSync(this.#options.root, 0o700)
    this.#folder(this.#root, layer.root, place?.seen.root ?? layer.root, place === undefined ? anything : place.below.root)
    this.#files.sort((a, b) => a.node.device - b.node.device || positionOf(a.node) - positionOf(b.node))
    for (const file of this.#files) this.#file(file)
    for (const { path, first } of this.#links) linkSync(bytesOf(first), bytesOf(path))
    for (const folder of this.#folders.toReversed()) this.#attributes(folder)
  }

  #folder(path: string, node: TreeNode, seen: TreeNode, below: Below): void {
    this.#folders.push({ path, node: node.opaque ? { ...seen, opaque: true } : seen })
    // what is in an opaque folder needs no whiteouts, and what hides nothing would be listed by overlayfs
    const under = node.opaque ? undefined : below
    for (const name of sortedNames(node)) {
      const child = node.children?.get(name) as TreeNode
      const inside = `${path}/${name}`
      const childBelow = under === anything ? anything : under?.children?.get(name)
      if (child.kind !== 'whiteout') this.#child(inside, child, seen.children?.get(name) as TreeNode, childBelow)
      else if (childBelow !== undefined) nativeFiles().mknod(bytesOf(inside), typeBits.character, 0, 0)
    }
  }

  #child(path: string, node: TreeNode, seen: TreeNode, below: Below): void {
    if (node.kind === 'folder') {
      // open to its owner only and without special bits until all in it is made
      mkdirSync(bytesOf(path), 0o700)
      this.#folder(path, node, seen, below)
      return
    }
    const first = this.#firstNames.get(seen)
    if (first !== undefined) {
      this.#links.push({ path, first })
      return
    }
    if (seen.kind !== 'file' && !this.#special({ path, node: seen })) return
    if (seen.links > 1) this.#firstNames.set(seen, path)
    if (seen.kind === 'file') this.#files.push({ path, node: seen })
  }

  /** Makes a symlink, device or pipe; false if this user may not. */
  #special(made: Made): boolean {
    const { path, node } = made
    if (node.kind === 'symlink') {
      symlinkSync(bytesOf(node.rare?.target ?? ''), bytesOf(path))
    } else {
      const type = node.kind === 'fifo' ? typeBits.fifo : node.kind === 'block' ? typeBits.block : typeBits.character
      try {
        nativeFiles().mknod(bytesOf(path), type | (node.mode & 0o777), node.rare?.major ?? 0, node.rare?.minor ?? 0)
      } catch (error) {
        if (isRefused(error)) return false
        throw error
      }
    }
    this.#attributes(made)
    return true
  }

  #file({ path, node }: Made): void {
    const bytes = bytesOf(path)
    const fd = openSync(bytes, 'wx', node.mode & 0o777)
    try {
      this.#contents(fd, node)
      this.#owner(node, () => fchownSync(fd, node.uid, node.gid))
      if ((node.mode & (this.#umask | 0o7000)) !== 0) fchmodSync(fd, node.mode)
      this.#xattrs(bytes, node)
      if (isPlainTime(node)) futimesSync(fd, node.seconds, node.seconds)
      else nativeFiles().setTime(bytes, node)
    } finally {
      closeSync(fd)
    }
  }

  #attributes({ path, node }: Made): void {
    const bytes = bytesOf(path)
    this.#owner(node, () => lchownSync(bytes, node.uid, node.gid))
    if (node.kind !== 'symlink' && (node.kind === 'folder' || (node.mode & (this.#umask | 0o7000)) !== 0))
      chmodSync(bytes, node.mode)
    this.#xattrs(bytes, node)
    if (isPlainTime(node)) lutimesSync(bytes, node.seconds, node.seconds)
    else nativeFiles().setTime(bytes, node)
  }

  #owner(node: TreeNode, set: () => void): void {
    if (!this.#mayChown || (node.uid === this.#uid && node.gid === this.#gid)) return
    try {
      set()
    } catch (error) {
      // EINVAL: an id that the user namespace has not
      if (this.#uid === 0 && systemCode(error) !== 'EINVAL') throw error
      this.#mayChown = this.#uid === 0
    }
  }

  #xattrs(path: Uint8Array | string, node: TreeNode): void {
    const xattrs = Object.entries(node.rare?.xattrs ?? {})
    if (node.opaque) xattrs.push([this.#options.userXattr ? 'user.overlay.opaque' : 'trusted.overlay.opaque', Buffer.from('y')])
    for (const [name, value] of xattrs) {
      try {
        nativeFiles().setXattr(path, name, value)
      } catch (error) {
        if (!isRefused(error)) throw error
      }
    }
  }

  #contents(fd: number, node: TreeNode): void {
    const extents = node.rare?.extents
    if (extents === undefined) return this.#copy(fd, node.device, node.position, node.size)
    for (const { offset, length, position } of extents) this.#copy(fd, node.device, position, length, offset)
    ftruncateSync(fd, node.size)
  }

  #copy(fd: number, device: number, position: number, length: number, offset?: number): void {
    for (let done = 0; done < length;) {
      const from = this.#load(device, position + done, Math.min(length - done, windowSize))
      const count = Math.min(length - done, this.#windowOf.end - position - done)
      if (offset === undefined) writeAllSync(fd, this.#window, from, from + count)
      else for (let at = 0; at < count;) at += writeSync(fd, this.#window, from + at, count - at, offset + done + at)
      done += count
    }
  }

  /** Sees to it that the window has these bytes of a tar, and answers where. */
  #load(device: number, position: number, length: number): number {
    const window = this.#windowOf
    if (window.device === device && position >= window.start && position + length <= window.end) return position - window.start
    const count = readSync(this.#options.tars[device] as number, this.#window, 0, windowSize, position)
    if (count < length) throw new GantryError('data_loss', 'LAYER_DAMAGED', 'Cannot unpack the layer: its tar has become shorter')
    this.#windowOf = { device, start: position, end: position + count }
    return 0
  }
}

const positionOf = (node: TreeNode): number => node.rare?.extents?.[0]?.position ?? node.position

/** Node.js takes times as floating-point seconds, in which nanoseconds get lost. */
const isPlainTime = (node: TreeNode): boolean => node.nanoseconds === 0 && node.seconds >= 0

/** Errors for which docker, too, leaves an attribute out. */
const isRefused = (error: unknown): boolean =>
  error instanceof GantryError && (error.code === 'EPERM' || error.code === 'ENOTSUP' || error.code === 'EOPNOTSUPP')

/** The path for a system call: ASCII text as it is, else the bytes. */
const bytesOf = (path: string): string | Buffer => {
  for (let i = 0; i < path.length; i++) if (path.charCodeAt(i) > 0x7f) return Buffer.from(path, 'latin1')
  return path
}
