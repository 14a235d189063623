import { createHash } from 'node:crypto'
import type { ByteStream } from '../../lib/bytes.ts'
import { textFromBytes } from '../../layers/tree/byte-text.ts'
import { GantryError } from '../../lib/errors.ts'
import type { TarInput } from '../../lib/tar/writer.ts'
import type { FileFacts } from '../explain/differences.ts'
import { entryFacts } from '../tree/entry-facts.ts'
import { resolvePath, type Resolved } from '../tree/resolve-path.ts'
import { nameOf, parentOf, shownPath, type Tree, type TreeEntry } from '../tree/tree.ts'

/** Where the bytes of a file of the draft come from. */
export interface Body {
  open(): ByteStream
  /** The sha256 of the bytes, in hex. */
  digest(): Promise<string> | string
}

/** An entry of the layer to be. */
export interface DraftEntry {
  readonly entry: TreeEntry
  readonly body?: Body
  /** The first name of the same file: becomes a hard link to it, unless something else has taken its place. */
  readonly sameAs?: DraftEntry
  /** What it is called where it comes from, for explanations. */
  readonly source?: string
  /** A folder of the target, as it is there. */
  readonly carried?: boolean
}

export interface FolderAttributes {
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: TreeEntry['mtime']
}

/**
 * A layer that is being put together over the layers below it, as the whole file system would look: what is asked for is what this
 * layer has, else what the target has. Nothing is read or written but by `tar()`.
 */
export class LayerDraft {
  readonly #target: Pick<Tree, 'stat'>
  readonly #entries = new Map<string, DraftEntry>()
  /** Folders of which the target has nothing to show, because it does not have them or because something else stood for them. */
  readonly #fresh = new Set<string>()
  /** Those of them that the target has. */
  readonly #replaced = new Set<string>()

  constructor(target: Pick<Tree, 'stat'>) {
    this.#target = target
  }

  /** What is at a path whose folders are folders. */
  async stat(path: string): Promise<TreeEntry | undefined> {
    const own = this.#entries.get(path)
    if (own !== undefined) return own.entry
    return this.#fresh.has(parentOf(path)) ? undefined : await this.#target.stat(path)
  }

  resolve(path: string, options?: { readonly last?: boolean }): Promise<Resolved> {
    return resolvePath(this, path, options)
  }

  /** Makes a folder and those above it where they are missing; answers the paths that were made. `invalid_argument` if something else is there. */
  async makeFolders(path: string, attributes: FolderAttributes): Promise<readonly string[]> {
    const made: string[] = []
    const parts = path === '' ? [] : path.split('/')
    for (let length = 1; length <= parts.length; length++) {
      const folder = parts.slice(0, length).join('/')
      const found = await this.stat(folder)
      if (found === undefined) {
        await this.put({ entry: { ...attributes, path: folder, kind: 'folder', size: 0 } })
        made.push(folder)
      } else if (found.kind !== 'folder')
        throw new GantryError(
          'invalid_argument',
          'NOT_A_FOLDER',
          `Cannot make folder "${shownPath(path)}": "${shownPath(folder)}" is not a folder`,
        )
    }
    return made
  }

  /** Puts an entry at its path, whose folder exists, in place of what is there; a folder over a folder only changes attributes. */
  async put(item: DraftEntry): Promise<void> {
    const { path, kind } = item.entry
    if (path === '') return
    const name = nameOf(path)
    if (name.startsWith('.wh.'))
      throw new GantryError(
        'invalid_argument',
        'WHITEOUT_NAME',
        `Cannot put "${shownPath(path)}" into a layer: its name means a deletion there`,
      )
    await this.#carryParents(path)
    const before = await this.stat(path)
    if (kind === 'folder' && before === undefined) this.#fresh.add(path)
    if (kind !== 'folder' && before?.kind === 'folder') this.#remove(path)
    this.#entries.set(path, item)
  }

  #remove(folder: string): void {
    for (const path of this.#entries.keys()) if (path.startsWith(`${folder}/`)) this.#entries.delete(path)
    this.#replaced.add(folder)
    this.#fresh.add(folder)
  }

  /** Folders of the target on the way get their attributes into this layer too, so that whoever unpacks it alone sees them right. */
  async #carryParents(path: string): Promise<void> {
    for (let parent = parentOf(path); parent !== '' && !this.#entries.has(parent); parent = parentOf(parent)) {
      const found = await this.stat(parent)
      if (found?.kind !== 'folder')
        throw new GantryError(
          'internal',
          'NO_PARENT',
          `Cannot put "${shownPath(path)}" into a layer: "${shownPath(parent)}" is not a folder`,
        )
      this.#entries.set(parent, { entry: { ...found, path: parent }, carried: true })
    }
  }

  /** All entries, folders before what is in them, names in byte order. */
  entries(): readonly DraftEntry[] {
    return [...this.#entries]
      .map(([path, item]) => ({ item, key: path.replaceAll('/', '\0') }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ item }) => item)
  }

  /**
   * A digest of all that the layer will hold but the times of what comes from elsewhere: the same for two layers that only differ in
   * those. `carriedTimes`: whether those of the target's folders count.
   */
  async digest(carriedTimes = false): Promise<string> {
    const hash = createHash('sha256')
    for (const item of this.entries()) {
      const { entry, body, carried } = item
      const link = this.#linkOf(item) ?? ''
      const time = carriedTimes && carried === true ? `${entry.mtime.seconds}.${entry.mtime.nanoseconds}` : ''
      hash.update(
        `${entry.path}\0${link}\0${time}\0${this.#isOpaque(entry)}\0${entryFacts(entry)}\0${(await body?.digest()) ?? ''}\0\0`,
        'latin1',
      )
    }
    return hash.digest('hex')
  }

  /** What each path is made of, by its name where it comes from: attributes, a blank, content. */
  async fileFacts(): Promise<FileFacts> {
    const facts: [string, string][] = []
    for (const { entry, body, source } of this.entries()) {
      const { mode, uid, gid, kind, target } = entry
      const content = (await body?.digest())?.slice(0, 16) ?? target ?? ''
      facts.push([
        source ?? shownPath(entry.path),
        `${mode.toString(8)}${uid + gid === 0 ? '' : `:${uid}:${gid}`} ${kind} ${content}`,
      ])
    }
    return Object.fromEntries(facts)
  }

  /** The time of the newest entry that the target does not have, rounded up to seconds since 1970; undefined if there is none. */
  newest(): number | undefined {
    let newest: number | undefined
    for (const { entry, carried } of this.#entries.values()) {
      if (carried === true) continue
      const { seconds, nanoseconds } = entry.mtime
      newest = Math.max(newest ?? 0, seconds + (nanoseconds > 0 ? 1 : 0))
    }
    return newest
  }

  /** The layer's tar entries. Times after `latest` (seconds) become that. */
  *tar(latest = Infinity): Iterable<TarInput> {
    for (const item of this.#inLinkOrder()) {
      const { entry, body } = item
      const hardLink = this.#linkOf(item)
      const { path, inode: _inode, target, ...rest } = entry
      const linkName = hardLink ?? target
      yield {
        ...rest,
        ...nameFields(path),
        kind: hardLink === undefined ? entry.kind : 'hardlink',
        size: hardLink === undefined ? entry.size : 0,
        mtime: entry.mtime.seconds >= latest ? { seconds: latest, nanoseconds: 0 } : entry.mtime,
        ...(linkName === undefined ? {} : linkFields(linkName)),
        ...(hardLink === undefined && body !== undefined ? { body: body.open() } : {}),
      }
      if (this.#isOpaque(entry)) yield opaqueMark(path)
    }
  }

  /** A hard link comes after what it links to, as every reader expects. */
  #inLinkOrder(): readonly DraftEntry[] {
    const entries = this.entries()
    const links = entries.filter((item) => this.#linkOf(item) !== undefined)
    return links.length === 0 ? entries : [...entries.filter((item) => this.#linkOf(item) === undefined), ...links]
  }

  #linkOf({ sameAs }: DraftEntry): string | undefined {
    if (sameAs === undefined || this.#entries.get(sameAs.entry.path) !== sameAs) return undefined
    return sameAs.entry.path
  }

  #isOpaque(entry: TreeEntry): boolean {
    return entry.kind === 'folder' && this.#replaced.has(entry.path)
  }
}

const nameFields = (path: string): Pick<TarInput, 'name' | 'rawName'> => {
  const { text, raw } = textFromBytes(path)
  return { name: text, ...(raw === undefined ? {} : { rawName: raw }) }
}

const linkFields = (target: string): Pick<TarInput, 'linkName' | 'rawLinkName'> => {
  const { text, raw } = textFromBytes(target)
  return { linkName: text, ...(raw === undefined ? {} : { rawLinkName: raw }) }
}

const opaqueMark = (path: string): TarInput => ({
  ...nameFields(`${path}/.wh..wh..opq`),
  kind: 'file',
  mode: 0o600,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: { seconds: 0, nanoseconds: 0 },
})
