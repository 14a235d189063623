import { bytesAsText, textFromBytes } from '../../layers/tree/byte-text.ts'
import { GantryError } from '../../lib/errors.ts'
import { PatternMatcher, type MatchInfo } from '../ignore.ts'
import { cleanPath, joinPath, nameOf, parentOf, shownPath, type Tree, type TreeEntry } from '../tree/tree.ts'
import type { ModeChange } from './chmod.ts'
import type { DraftEntry, FolderAttributes, LayerDraft } from './layer-draft.ts'
import type { CopySource } from './select-sources.ts'

export interface Owner {
  readonly uid: number
  readonly gid: number
}

export interface CopyOptions {
  /** Absolute; a slash at the end says that it is a folder. */
  readonly destination: string
  /** Default: the source's own. */
  readonly owner?: Owner
  readonly chmod?: ModeChange
  /** Default: the source's own. */
  readonly time?: TreeEntry['mtime']
  /** Patterns of what is left out, below each source. */
  readonly exclude: readonly string[]
  /** Only what matches, with the folders on the way (`--parents`). */
  readonly include?: readonly string[]
  /** What a source is called in explanations. */
  readonly sourceName?: (path: string) => string
}

/**
 * Copies one source into the draft as BuildKit does: a folder's contents, its own attributes only to folders that it makes below the
 * destination; a file into the destination if that is a folder, else to it. Links at the destination are followed, links in the
 * source are copied. Folders that are made on the way get the source's time, so that the same sources make the same layer.
 */
export const copyInto = async (draft: LayerDraft, tree: Tree, source: CopySource, options: CopyOptions): Promise<void> => {
  const destination = bytesAsText(options.destination)
  const made: FolderAttributes = { mode: 0o755, uid: 0, gid: 0, ...options.owner, mtime: options.time ?? source.entry.mtime }
  const folderMeant = /(?:^|\/)\.?$/.test(destination)
  const above = await draft.resolve(folderMeant ? destination : parentOf(`/${cleanPath(destination)}`))
  await draft.makeFolders(above.path, made)
  const place = await draft.resolve(cleanPath(destination))
  const isFolder = source.entry.kind === 'folder'
  const into = !isFolder && place.entry?.kind === 'folder' ? joinPath(place.path, source.name) : place.path
  await draft.makeFolders(isFolder && place.entry === undefined ? into : parentOf(into), made)
  await new Copier(draft, tree, options).copy(source.entry, into)
}

const cannot = (reason: string): GantryError => new GantryError('invalid_argument', 'COPY_CONFLICT', reason)

/** What is known of a folder on the way down. */
interface Place {
  /** Below the source: what patterns are matched with. */
  readonly relative: string
  readonly include?: MatchInfo
  readonly exclude?: MatchInfo
  /** Puts the folders above that are not put yet, because so far nothing in them was included. */
  readonly arrive: () => Promise<void>
}

class Copier {
  readonly #draft: LayerDraft
  readonly #tree: Tree
  readonly #options: CopyOptions
  readonly #include: PatternMatcher | undefined
  readonly #exclude: PatternMatcher | undefined
  /** First paths of files with several names. */
  readonly #links = new Map<string, DraftEntry>()

  constructor(draft: LayerDraft, tree: Tree, options: CopyOptions) {
    this.#draft = draft
    this.#tree = tree
    this.#options = options
    this.#include = options.include === undefined ? undefined : new PatternMatcher(options.include)
    this.#exclude = options.exclude.length === 0 ? undefined : new PatternMatcher(options.exclude)
  }

  async copy(entry: TreeEntry, to: string): Promise<void> {
    if (entry.kind !== 'folder') return await this.#put(entry, to)
    const found = await this.#draft.stat(to)
    if (found !== undefined && found.kind !== 'folder') throw cannot(`cannot copy to non-directory: ${shownPath(to)}`)
    await this.#children(entry, to, { relative: '', arrive: async () => undefined })
  }

  async #children(folder: TreeEntry, to: string, place: Place): Promise<void> {
    for (const entry of await this.#tree.list(folder.path)) {
      const name = nameOf(entry.path)
      const relative = joinPath(place.relative, name)
      const text = textFromBytes(relative).text
      const include = this.#include?.match(text, place.include)
      const exclude = this.#exclude?.match(text, place.exclude)
      const included = (include?.matched ?? true) && exclude?.matched !== true
      const target = joinPath(to, name)
      if (entry.kind !== 'folder') {
        if (!included) continue
        await place.arrive()
        await this.#put(entry, target)
        continue
      }
      if (exclude !== undefined && this.#exclude?.coversAll(text, exclude) === true) continue
      const arrive = once(async () => {
        await place.arrive()
        await this.#folder(entry, target)
      })
      if (included) await arrive()
      const infos = {
        ...(include === undefined ? {} : { include: include.info }),
        ...(exclude === undefined ? {} : { exclude: exclude.info }),
      }
      await this.#children(entry, target, { relative, arrive, ...infos })
    }
  }

  async #folder(entry: TreeEntry, to: string): Promise<void> {
    const found = await this.#draft.stat(to)
    if (found !== undefined && found.kind !== 'folder') throw cannot(`cannot copy to non-directory: ${shownPath(to)}`)
    await this.#draft.put({ entry: this.#changed(entry, to), ...this.#named(entry) })
  }

  async #put(entry: TreeEntry, to: string): Promise<void> {
    const found = await this.#draft.stat(to)
    if (found?.kind === 'folder') throw cannot(`cannot replace to directory ${shownPath(to)} with file`)
    const changed = this.#changed(entry, to)
    if (entry.kind !== 'file') return await this.#draft.put({ entry: changed, ...this.#named(entry) })
    const body = { open: () => this.#tree.read(entry), digest: () => this.#tree.digest(entry) }
    const first = entry.inode === undefined ? undefined : this.#links.get(entry.inode)
    const item: DraftEntry = { entry: changed, body, ...this.#named(entry), ...(first === undefined ? {} : { sameAs: first }) }
    if (entry.inode !== undefined && first === undefined) this.#links.set(entry.inode, item)
    await this.#draft.put(item)
  }

  #named({ path }: TreeEntry): Pick<DraftEntry, 'source'> {
    const { sourceName } = this.#options
    return sourceName === undefined ? {} : { source: sourceName(path) }
  }

  #changed(entry: TreeEntry, path: string): TreeEntry {
    const { chmod, owner, time = entry.mtime } = this.#options
    const mode = chmod === undefined || entry.kind === 'symlink' ? entry.mode : chmod(entry.mode, entry.kind === 'folder')
    return { ...entry, ...owner, path, mode, mtime: time }
  }
}

const once = (work: () => Promise<void>): (() => Promise<void>) => {
  let done: Promise<void> | undefined
  return () => (done ??= work())
}
