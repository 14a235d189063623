import type { ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { writeTar, type TarInput } from '../lib/tar/writer.ts'
import type { LayerEntry, LayerReader } from './interfaces.ts'
import { openStack, type LayerStack } from './stack.ts'
import { bytesAsText, textFromBytes } from './tree/byte-text.ts'
import { opaqueMarker, whiteoutPrefix } from './tree/path.ts'

/**
 * The tar of one layer that does what several do, base first, on top of those `below`: what one of them makes and a later one removes
 * is not in it, and of what they remove only what is there below. The same layers give the same bytes. The readers stay the caller's,
 * and open while the tar is read.
 */
export async function* squashLayers(below: readonly LayerReader[], layers: readonly LayerReader[]): ByteStream {
  const root = createNode()
  for (const [layer, reader] of layers.entries()) for await (const entry of reader.entries()) apply(root, { layer, entry })
  const writer = new Writer(below, layers)
  yield* writeTar(writer.root(root, below.length > 0))
}

/** What one of the layers has at a path. */
interface Source {
  readonly layer: number
  readonly entry: LayerEntry
}

/** What a path has come to: nothing so far, a deletion, or what a layer has there. */
interface Node {
  source?: Source
  deleted: boolean
  /** A folder that hides what is below. */
  opaque: boolean
  /** A folder in the place of something else: none below says what it is like. */
  replaced: boolean
  readonly children: Map<string, Node>
}

const createNode = (): Node => ({ deleted: false, opaque: false, replaced: false, children: new Map() })

const apply = (root: Node, source: Source): void => {
  const { entry } = source
  const path = bytesAsText(entry.path, entry.rawPath)
  let node = root
  for (const name of path === '' ? [] : path.split('/')) {
    let child = node.children.get(name)
    if (child === undefined) node.children.set(name, (child = createNode()))
    node = child
  }
  const before = node.source?.entry.kind
  if (entry.kind !== 'folder' || entry.opaque === true) node.children.clear()
  if (entry.kind === 'whiteout') {
    delete node.source
    node.deleted = true
    node.opaque = false
    node.replaced = false
    return
  }
  const replaces = node.deleted || (before !== undefined && before !== 'folder')
  node.deleted = false
  node.replaced = entry.kind === 'folder' && (replaces || node.replaced)
  node.opaque = entry.kind === 'folder' && (entry.opaque === true || replaces || node.opaque)
  // a folder that only something is in changes nothing about a folder that is there
  if (entry.implicit !== true || before !== 'folder') node.source = source
}

class Writer {
  readonly #below: LayerStack
  readonly #belowReaders: readonly LayerReader[]
  readonly #layers: readonly LayerReader[]
  /** Where the file of a hard link was written, by its layer and number there. */
  readonly #written = new Map<string, string>()

  constructor(below: readonly LayerReader[], layers: readonly LayerReader[]) {
    this.#belowReaders = below
    this.#below = openStack(below)
    this.#layers = layers
  }

  async *root(node: Node, seen: boolean): AsyncGenerator<TarInput, void, undefined> {
    const { source } = node
    if (source !== undefined && source.entry.implicit !== true) yield folderEntry(source.entry, '.')
    if (node.opaque && seen) yield marker(opaqueMarker)
    yield* this.folder(node, '', seen && !node.opaque)
  }

  /** What is in a folder: deletions, then the rest, names in byte order. `seen`: whether what is below shows through. */
  async *folder(node: Node, path: string, seen: boolean): AsyncGenerator<TarInput, void, undefined> {
    const names = [...node.children.keys()].sort()
    for (const name of names) {
      const child = joined(path, name)
      if (node.children.get(name)?.deleted === true && seen && (await this.#lower(child)) !== undefined)
        yield marker(joined(path, whiteoutPrefix + name))
    }
    for (const name of names) {
      const child = node.children.get(name)
      if (child?.source !== undefined) yield* this.#node(child, child.source, joined(path, name), seen)
    }
  }

  async *#node(node: Node, source: Source, path: string, seen: boolean): AsyncGenerator<TarInput, void, undefined> {
    const { entry } = source
    if (entry.kind !== 'folder') return yield await this.#leaf(source, path)
    const lower = seen ? await this.#lower(path) : undefined
    const shows = lower?.kind === 'folder'
    if (entry.implicit !== true || node.replaced || !shows) yield folderEntry(entry, path)
    if (node.opaque && shows) yield marker(joined(path, opaqueMarker))
    yield* this.folder(node, path, shows && !node.opaque)
  }

  async #lower(path: string): Promise<LayerEntry | undefined> {
    return await this.#below.lookup(Buffer.from(path, 'latin1'), { followLast: false })
  }

  async #leaf({ layer, entry }: Source, path: string): Promise<TarInput> {
    if (entry.lowerLink !== undefined) return await this.#linked(layer, entry.lowerLink, path)
    const { inode, links = 1 } = entry
    const key = inode === undefined || links < 2 ? `/${path}` : `${layer}:${inode}`
    const first = this.#written.get(key)
    if (first !== undefined) return { ...facts(entry, path), kind: 'hardlink', size: 0, ...linkFields(first) }
    this.#written.set(key, path)
    const reader = this.#layers[layer]
    return leafEntry(entry, path, reader === undefined ? undefined : () => reader.read(entry))
  }

  /** A name of a file of a lower layer: a copy of it, since that one may be gone or changed by now. */
  async #linked(layer: number, target: string, path: string): Promise<TarInput> {
    const stack = openStack([...this.#belowReaders, ...this.#layers.slice(0, layer)])
    const found = await stack.lookup(Buffer.from(bytesAsText(target), 'latin1'), { followLast: false })
    if (found !== undefined && found.kind !== 'folder') return leafEntry(found, path, () => stack.read(found))
    throw new GantryError(
      'invalid_argument',
      'LAYER_LINK_BROKEN',
      `Cannot squash "${textFromBytes(path).text}": it is a hard link to "${target}", which is no file of a lower layer`,
    )
  }
}

const joined = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`)

const nameFields = (path: string): Pick<TarInput, 'name' | 'rawName'> => {
  const { text, raw } = textFromBytes(path)
  return raw === undefined ? { name: text } : { name: text, rawName: raw }
}

const linkFields = (target: string): Pick<TarInput, 'linkName' | 'rawLinkName'> => {
  const { text, raw } = textFromBytes(target)
  return raw === undefined ? { linkName: text } : { linkName: text, rawLinkName: raw }
}

const facts = ({ mode, uid, gid, mtime }: LayerEntry, path: string): Omit<TarInput, 'kind' | 'size'> => ({
  ...nameFields(path),
  mode,
  uid,
  gid,
  mtime,
})

const folderEntry = (entry: LayerEntry, path: string): TarInput => ({
  ...facts(entry, path),
  kind: 'folder',
  size: 0,
  ...(entry.xattrs === undefined ? {} : { xattrs: entry.xattrs }),
})

const leafEntry = (entry: LayerEntry, path: string, open: (() => ByteStream) | undefined): TarInput => {
  const { kind, size, target, rawTarget, device, xattrs } = entry
  return {
    ...facts(entry, path),
    kind: kind === 'whiteout' ? 'file' : kind,
    size: kind === 'file' ? size : 0,
    ...(target === undefined ? {} : linkFields(bytesAsText(target, rawTarget))),
    ...(device === undefined ? {} : { device }),
    ...(xattrs === undefined ? {} : { xattrs }),
    ...(kind === 'file' && size > 0 && open !== undefined ? { body: open() } : {}),
  }
}

/** An empty file that says that something is deleted. */
const marker = (path: string): TarInput => ({
  ...nameFields(path),
  kind: 'file',
  mode: 0,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
})
