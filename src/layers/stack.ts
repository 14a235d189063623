import type { ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { LayerEntry, LayerReader } from './interfaces.ts'
import { bytesAsText, textFromBytes } from './tree/byte-text.ts'
import { targetComponents } from './tree/path.ts'
import { hopLimit } from './tree/resolve.ts'

/** A path as the layers together show it. Never a whiteout. */
export interface StackEntry extends LayerEntry {
  /** Index of the layer that has it, from the base, and the entry there; a hard link into a lower layer is that layer's. */
  readonly layer: number
  readonly source: LayerEntry
}

/** Layers put over each other and read without being mounted: whiteouts, opaque and implicit folders have done their work. */
export interface LayerStack extends AsyncDisposable {
  /**
   * What a path leads to inside the stack's root: symlinks on the way are followed, `..` and absolute targets stay inside, and with
   * `followLast` (default true) a symlink at the end is followed too. Undefined if there is nothing; `entry.path` says where it ended.
   * `invalid_argument` (TOO_MANY_SYMLINKS) after 40 of them.
   */
  lookup(path: string | Uint8Array, options?: { readonly followLast?: boolean }): Promise<StackEntry | undefined>
  /** What is in a folder, in the order of the names' bytes; nothing if the path leads to no folder. */
  list(path: string | Uint8Array): AsyncIterable<StackEntry>
  /** A file's bytes, or part of them. */
  read(entry: StackEntry, range?: { readonly start: number; readonly end?: number }): ByteStream
}

/** Opens a stack over the readers of its layers, base first, and owns them: disposing of the stack disposes of them. */
export const openStack = (readers: readonly LayerReader[]): LayerStack => new Stack(readers)

/** A path with the layers, topmost first, whose folder at that path is seen. */
interface Place {
  readonly path: string
  readonly entry: StackEntry
  readonly layers: readonly number[]
}

interface Candidate {
  readonly layer: number
  readonly entry: LayerEntry
}

class Stack implements LayerStack {
  readonly #readers: readonly LayerReader[]

  constructor(readers: readonly LayerReader[]) {
    this.#readers = readers
  }

  async lookup(
    path: string | Uint8Array,
    { followLast = true }: { readonly followLast?: boolean } = {},
  ): Promise<StackEntry | undefined> {
    return (await this.#find(bytesOf(path), followLast, this.#readers.length))?.entry
  }

  async *list(path: string | Uint8Array): AsyncGenerator<StackEntry, void, undefined> {
    const folder = await this.#find(bytesOf(path), true, this.#readers.length)
    if (folder?.entry.kind !== 'folder') return
    const names = new Map<string, Candidate[]>()
    for (const layer of folder.layers) {
      for await (const entry of this.#reader(layer).list(argument(folder.path))) {
        const path = pathOf(entry)
        const candidates = names.get(path)
        if (candidates === undefined) names.set(path, [{ layer, entry }])
        else candidates.push({ layer, entry })
      }
    }
    for (const path of [...names.keys()].sort()) {
      const place = await this.#combine(path, names.get(path) ?? [])
      if (place !== undefined) yield place.entry
    }
  }

  read(entry: StackEntry, range?: { readonly start: number; readonly end?: number }): ByteStream {
    return this.#reader(entry.layer).read(entry.source, range)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#readers) await reader[Symbol.asyncDispose]()
  }

  /** Looks in the lowest `count` layers only. */
  async #find(path: string, followLast: boolean, count: number): Promise<Place | undefined> {
    const root = await this.#combine('', this.#candidates('', descending(count)))
    if (root === undefined) return undefined
    const way: Place[] = [root]
    const pending = targetComponents(path).reverse()
    let hops = 0
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      const folder = way[way.length - 1] as Place
      if (name === '..') {
        if (way.length > 1) way.pop()
        continue
      }
      if (folder.entry.kind !== 'folder') return undefined
      const childPath = folder.path === '' ? name : `${folder.path}/${name}`
      const child = await this.#combine(childPath, this.#candidates(childPath, folder.layers))
      if (child === undefined) return undefined
      if (child.entry.kind !== 'symlink' || (pending.length === 0 && !followLast)) {
        way.push(child)
        continue
      }
      if (++hops > hopLimit) throw tooManyLinks(path)
      const target = bytesAsText(child.entry.target ?? '', child.entry.rawTarget)
      if (target.startsWith('/')) way.length = 1
      pending.push(...targetComponents(target).reverse())
    }
    return way[way.length - 1]
  }

  async *#candidates(path: string, layers: readonly number[]): AsyncGenerator<Candidate, void, undefined> {
    for (const layer of layers) {
      const entry = await this.#reader(layer).entry(argument(path))
      if (entry !== undefined) yield { layer, entry }
    }
  }

  /** What is seen of a path of which layers, topmost first, have this to say. */
  async #combine(path: string, candidates: Iterable<Candidate> | AsyncIterable<Candidate>): Promise<Place | undefined> {
    const layers: number[] = []
    let shown: Candidate | undefined
    let opaque = false
    for await (const candidate of candidates) {
      const { entry, layer } = candidate
      if (entry.kind === 'whiteout') break
      if (entry.kind !== 'folder') {
        if (shown === undefined) return { path, layers: [], entry: await this.#leaf(path, candidate) }
        break
      }
      if (!opaque) layers.push(layer)
      // the topmost folder that somebody described says what it is like
      if (shown === undefined || (shown.entry.implicit === true && entry.implicit !== true)) shown = candidate
      opaque ||= entry.opaque === true
      if (opaque && shown.entry.implicit !== true) break
    }
    return shown === undefined ? undefined : { path, layers, entry: entryAt(path, shown) }
  }

  async #leaf(path: string, candidate: Candidate): Promise<StackEntry> {
    const { entry, layer } = candidate
    if (entry.lowerLink === undefined) return entryAt(path, candidate)
    const lower = await this.#find(bytesAsText(entry.lowerLink), false, layer)
    if (lower !== undefined && lower.entry.kind !== 'folder') {
      const { rawPath: _rawPath, ...same } = lower.entry
      return { ...same, ...named(path) }
    }
    throw new GantryError(
      'invalid_argument',
      'LAYER_LINK_BROKEN',
      `Cannot read "${entry.path}": it is a hard link to "${entry.lowerLink}", which is no file of a lower layer`,
    )
  }

  #reader(layer: number): LayerReader {
    const reader = this.#readers[layer]
    if (reader === undefined)
      throw new GantryError('internal', 'NO_LAYER', `Cannot read layer ${layer}: the stack does not have it`)
    return reader
  }
}

const descending = (count: number): number[] => Array.from({ length: count }, (_, index) => count - 1 - index)

/** Paths inside are text with one character per byte, relative to the root. */
const bytesOf = (path: string | Uint8Array): string => (typeof path === 'string' ? bytesAsText(path) : bytesAsText('', path))

const pathOf = (entry: LayerEntry): string => bytesAsText(entry.path, entry.rawPath)

/** A path as a reader takes it. */
const argument = (path: string): string | Uint8Array => {
  const { text, raw } = textFromBytes(path)
  return raw ?? text
}

const named = (path: string): { readonly path: string; readonly rawPath?: Uint8Array } => {
  const { text, raw } = textFromBytes(path)
  return raw === undefined ? { path: text } : { path: text, rawPath: raw }
}

/** The entry without what only means something in its layer. */
const entryAt = (path: string, { layer, entry }: Candidate): StackEntry => {
  const { opaque: _opaque, implicit: _implicit, ...seen } = entry
  return { ...seen, ...named(path), layer, source: entry }
}

const tooManyLinks = (path: string): GantryError =>
  new GantryError(
    'invalid_argument',
    'TOO_MANY_SYMLINKS',
    `Cannot find "${textFromBytes(path).text}" in the image: more than ${hopLimit} symlinks are on the way to it`,
  )
