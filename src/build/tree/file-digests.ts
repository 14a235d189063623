import { createHash } from 'node:crypto'
import type { Tree, TreeEntry } from './tree.ts'

/** The sha256 of files of a tree, in hex, each computed once. */
export class FileDigests {
  readonly #read: Tree['read']
  readonly #known = new Map<string, string>()

  constructor(read: Tree['read']) {
    this.#read = read
  }

  async of(entry: TreeEntry): Promise<string> {
    const known = this.#known.get(entry.path)
    if (known !== undefined) return known
    const hash = createHash('sha256')
    for await (const chunk of this.#read(entry)) hash.update(chunk)
    const digest = hash.digest('hex')
    this.#known.set(entry.path, digest)
    return digest
  }
}
