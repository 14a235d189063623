import type { ByteStream } from '../../lib/bytes.ts'
import { FolderTree } from './folder-tree.ts'
import { nameOf, type Tree, type TreeEntry } from './tree.ts'

/** A checked out commit as a tree: 0644 and 0755 whatever the umask was, all of the time of the commit, without `.git` unless it is kept. */
export class CheckoutTree implements Tree {
  readonly #files: FolderTree
  readonly #time: TreeEntry['mtime']
  readonly #keep: boolean

  constructor(folder: string, options: { readonly time: number; readonly keepGitFolder: boolean }) {
    this.#files = new FolderTree(folder)
    this.#time = { seconds: options.time, nanoseconds: 0 }
    this.#keep = options.keepGitFolder
  }

  async stat(path: string): Promise<TreeEntry | undefined> {
    if (!this.#keep && path.split('/').includes('.git')) return undefined
    const entry = await this.#files.stat(path)
    return entry === undefined ? undefined : this.#plain(entry)
  }

  async list(path: string): Promise<readonly TreeEntry[]> {
    const entries = await this.#files.list(path)
    return entries.filter((entry) => this.#keep || nameOf(entry.path) !== '.git').map((entry) => this.#plain(entry))
  }

  read(entry: TreeEntry): ByteStream {
    return this.#files.read(entry)
  }

  async digest(entry: TreeEntry): Promise<string> {
    return await this.#files.digest(entry)
  }

  #plain(entry: TreeEntry): TreeEntry {
    const { inode: _inode, ...rest } = entry
    const executable = entry.kind === 'folder' || (entry.mode & 0o100) !== 0
    return { ...rest, mode: entry.kind === 'symlink' ? 0o777 : executable ? 0o755 : 0o644, mtime: this.#time }
  }
}
