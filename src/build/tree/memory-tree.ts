import { streamOf, type ByteStream } from '../../lib/bytes.ts'
import { FileDigests } from './file-digests.ts'
import { parentOf, type Tree, type TreeEntry } from './tree.ts'

/** An entry of a tree in memory; where its bytes are is its own business. */
export interface MemoryEntry extends TreeEntry {
  readonly open?: () => ByteStream
}

/** A tree of entries that are all known: a heredoc's files, an archive that was spooled. Missing folders are 0755 root. */
export class MemoryTree implements Tree {
  readonly #entries = new Map<string, MemoryEntry>()
  readonly #children = new Map<string, Map<string, MemoryEntry>>()
  readonly #digests = new FileDigests((entry) => this.read(entry))

  constructor(entries: Iterable<MemoryEntry> = []) {
    this.#entries.set('', {
      path: '',
      kind: 'folder',
      mode: 0o755,
      uid: 0,
      gid: 0,
      size: 0,
      mtime: { seconds: 0, nanoseconds: 0 },
    })
    for (const entry of entries) this.add(entry)
  }

  /** Adds an entry, or replaces one; whatever is not a folder takes what was below it away. */
  add(entry: MemoryEntry): void {
    const { path } = entry
    const before = this.#entries.get(path)
    if (path === '' && entry.kind !== 'folder') return
    if (before?.kind === 'folder' && entry.kind !== 'folder') this.#removeBelow(path)
    this.#entries.set(path, entry)
    if (path === '') return
    const parent = parentOf(path)
    if (this.#entries.get(parent)?.kind !== 'folder') this.add({ ...folder, path: parent, mtime: entry.mtime })
    let siblings = this.#children.get(parent)
    if (siblings === undefined) this.#children.set(parent, (siblings = new Map()))
    siblings.set(path, entry)
  }

  #removeBelow(path: string): void {
    const pending = [path]
    for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
      const children = this.#children.get(one)
      this.#children.delete(one)
      for (const child of children?.keys() ?? []) {
        this.#entries.delete(child)
        pending.push(child)
      }
    }
  }

  async stat(path: string): Promise<TreeEntry | undefined> {
    return this.#entries.get(path)
  }

  async list(path: string): Promise<readonly TreeEntry[]> {
    return [...(this.#children.get(path)?.values() ?? [])].sort(byPath)
  }

  read(entry: MemoryEntry): ByteStream {
    return entry.open?.() ?? streamOf()
  }

  digest(entry: MemoryEntry): Promise<string> | string {
    return this.#digests.of(entry)
  }
}

const byPath = (a: TreeEntry, b: TreeEntry): number => (a.path < b.path ? -1 : 1)

const folder = { kind: 'folder', mode: 0o755, uid: 0, gid: 0, size: 0 } as const
