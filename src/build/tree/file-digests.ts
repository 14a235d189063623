import { createHash } from 'node:crypto'
import type { Tree, TreeEntry } from './tree.ts'

/** The sha256 of files of a tree, in hex, each computed once. */
export class FileDigests {
  readonly #read: Tree['read']
  readonly #known = new Map<string, string>()

  constructor(read: Tree['read']) {
    this.#read = read
  }

  of(entry: TreeEntry): Promise<string> | string {
    return this.#known.get(entry.path) ?? this.#compute(entry)
  }

  async #compute(entry: TreeEntry): Promise<string> {
    const hash = createHash('sha256')
    for await (const chunk of this.#read(entry)) hash.update(chunk)
    const digest = hash.digest('hex')
    this.#known.set(entry.path, digest)
    return digest
  }
}
