import { posix } from 'node:path'
import { collect, type Abortable } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import type { TarEntryWithBody } from '../../lib/tar/reader.ts'

const defaultLimit = 64 << 20
/** Most symlinks on the way to one path, as Linux has it. */
const hopLimit = 40

/** A layer as far as it matters here. */
interface Entries {
  entries(options?: Abortable): AsyncIterable<TarEntryWithBody>
}

/** What the layers say of a path, looked at from the top. */
type Found =
  | { readonly kind: 'file'; readonly bytes: Buffer }
  /** The same file has another name, or a part of the path is a symlink: this path is to be looked for instead. */
  | { readonly kind: 'elsewhere'; readonly path: string; readonly link: 'symlink' | 'hard' }
  /** Deleted, or hidden by something that is no folder. */
  | { readonly kind: 'gone' }

/** The bytes of a file in a stack of layers, base first, with the rules of image-spec layer.md. See OpenedImage.read. */
export const readImageFile = async (
  layers: readonly Entries[],
  path: string,
  options: Abortable & { readonly limit?: number } = {},
): Promise<Buffer> => {
  let wanted = clean(path)
  let stack = layers
  for (let hops = 0; hops <= hopLimit; hops++) {
    const { found, depth } = await find(stack, wanted, options)
    if (found.kind === 'file') return found.bytes
    if (found.kind === 'gone')
      throw new GantryError('not_found', 'NO_SUCH_FILE', `Cannot read "${path}": the image has no such file`)
    wanted = found.path
    // a hard link is to what its own layer sees, whatever upper layers put in that place
    if (found.link === 'hard') stack = stack.slice(0, depth)
  }
  throw new GantryError('invalid_argument', 'TOO_MANY_LINKS', `Cannot read "${path}": too many symlinks`)
}

/** Relative, without `.` and `..`, which stops at the root. */
const clean = (path: string): string => posix.normalize(`/${path}`).slice(1).replace(/\/$/, '')

const find = async (
  layers: readonly Entries[],
  path: string,
  options: Abortable & { readonly limit?: number },
): Promise<{ readonly found: Found; readonly depth: number }> => {
  /** Folders on the way that an upper layer has: where a lower one has something else, that and all below it is hidden. */
  const folders = new Set<string>()
  for (const [index, layer] of [...layers.entries()].toReversed()) {
    const found = await findIn(layer, path, folders, options)
    if (found !== undefined) return { found, depth: index + 1 }
  }
  return { found: { kind: 'gone' }, depth: 0 }
}

/** Looks at one layer; undefined to look further down. The last entry of a path counts. */
const findIn = async (
  layer: Entries,
  path: string,
  folders: Set<string>,
  options: Abortable & { readonly limit?: number },
): Promise<Found | undefined> => {
  const { limit = defaultLimit, ...abortable } = options
  const way = new Set(ancestors(path))
  const seen = new Map<string, Found>()
  const folderHere = new Set<string>()
  let hidden = false
  for await (const entry of layer.entries(abortable)) {
    const name = clean(entry.name)
    const base = posix.basename(name)
    if (base.startsWith('.wh.')) {
      hidden ||= hides(name, path, way)
      continue
    }
    if (name !== path && !way.has(name)) continue
    if (entry.kind === 'folder') {
      folderHere.add(name)
      seen.delete(name)
      continue
    }
    folderHere.delete(name)
    seen.set(name, await at(entry, name, path, limit))
  }
  const first = [...way, path].find((name) => seen.has(name))
  if (first !== undefined) return folders.has(first) ? { kind: 'gone' } : seen.get(first)
  if (folderHere.has(path) || hidden) return { kind: 'gone' }
  for (const folder of folderHere) folders.add(folder)
  return undefined
}

/** `a`, `a/b` of `a/b/c`. */
const ancestors = (path: string): readonly string[] => {
  const parts = path.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

/** True if a whiteout of this layer hides what lower layers have at the path. */
const hides = (whiteout: string, path: string, way: ReadonlySet<string>): boolean => {
  const folder = posix.dirname(whiteout)
  const base = posix.basename(whiteout)
  if (base === '.wh..wh..opq') return folder === '.' || way.has(folder)
  const hidden = folder === '.' ? base.slice(4) : `${folder}/${base.slice(4)}`
  return hidden === path || way.has(hidden)
}

const at = async (entry: TarEntryWithBody, name: string, path: string, limit: number): Promise<Found> => {
  const rest = path.slice(name.length)
  if (entry.kind === 'symlink') {
    const target = entry.linkName ?? ''
    const absolute = target.startsWith('/') ? target : posix.join(posix.dirname(name), target)
    return { kind: 'elsewhere', path: clean(absolute + rest), link: 'symlink' }
  }
  if (name !== path) return { kind: 'gone' }
  if (entry.kind === 'hardlink') return { kind: 'elsewhere', path: clean(entry.linkName ?? ''), link: 'hard' }
  if (entry.kind !== 'file') return { kind: 'gone' }
  return { kind: 'file', bytes: await collect(entry.body, limit, `"${path}"`) }
}
