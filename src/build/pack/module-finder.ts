import { posix } from 'node:path'
import { bytesAsText } from '../../layers/tree/byte-text.ts'
import { collect } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import { joinPath, parentOf, shownPath, type Tree, type TreeEntry } from '../tree/tree.ts'
import { parseManifest, type Manifest } from './manifest.ts'

/** Where a package was found: its folder without symlinks, and the symlinks that led there. */
export interface FoundModule {
  readonly folder: string
  readonly links: readonly string[]
}

const manifestLimit = 8 * 1024 * 1024
const mostLinks = 40

/** Finds packages in the node_modules folders of a project as Node.js does, but never outside of it. */
export class ModuleFinder {
  readonly #tree: Tree
  readonly #manifests = new Map<string, Promise<Manifest | undefined>>()

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /** The package that code in a folder gets for a name, or undefined if there is none. */
  async find(from: string, alias: string): Promise<FoundModule | undefined> {
    const name = bytesAsText(alias)
    for (let folder: string | undefined = from; folder !== undefined; folder = folder === '' ? undefined : parentOf(folder)) {
      if (folder === 'node_modules' || folder.endsWith('/node_modules')) continue
      const modules = joinPath(folder, 'node_modules')
      if ((await this.#tree.stat(modules)) === undefined) continue
      const found = await this.follow(joinPath(modules, name))
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Follows the symlinks of a path; undefined if no folder is there, `invalid_argument` if they lead out of the project. */
  async follow(path: string): Promise<FoundModule | undefined> {
    const links: string[] = []
    const pending = path.split('/').toReversed()
    let folder = ''
    while (pending.length > 0) {
      const part = pending.pop() ?? ''
      if (part === '' || part === '.') continue
      if (part === '..') {
        if (folder === '') throw outside(path)
        folder = parentOf(folder)
        continue
      }
      const next = joinPath(folder, part)
      const entry: TreeEntry | undefined = await this.#tree.stat(next)
      if (entry?.kind === 'symlink') {
        const target = entry.target ?? ''
        if (target.startsWith('/') || links.length >= mostLinks) throw outside(path)
        links.push(next)
        pending.push(...target.split('/').toReversed())
        continue
      }
      if (entry?.kind !== 'folder') return undefined
      folder = next
    }
    return { folder, links }
  }

  /** The package.json of a folder, or undefined if it has none. */
  manifest(folder: string): Promise<Manifest | undefined> {
    let manifest = this.#manifests.get(folder)
    if (manifest === undefined) this.#manifests.set(folder, (manifest = this.#read(folder)))
    return manifest
  }

  async #read(folder: string): Promise<Manifest | undefined> {
    const entry = await this.#tree.stat(joinPath(folder, 'package.json'))
    if (entry?.kind !== 'file') return undefined
    const path = shownPath(entry.path).slice(1)
    return parseManifest((await collect(this.#tree.read(entry), manifestLimit, `"${path}"`)).toString('utf8'), path)
  }

  /** The symlinks that are directly in a folder, or in its folders of scopes. */
  async linksIn(folder: string): Promise<readonly string[]> {
    const links: string[] = []
    for (const entry of await this.#tree.list(folder)) {
      if (entry.kind === 'symlink') links.push(entry.path)
      if (entry.kind === 'folder' && posix.basename(entry.path).startsWith('@'))
        for (const one of await this.#tree.list(entry.path)) if (one.kind === 'symlink') links.push(one.path)
    }
    return links
  }
}

const outside = (path: string): GantryError =>
  new GantryError(
    'invalid_argument',
    'LINK_OUTSIDE',
    `Cannot pack "${shownPath(path).slice(1)}": it is a link that leads out of the project`,
    {
      hint: 'an image can only hold what is below the folder of the lockfile: make it a workspace, or install a packed archive of it',
    },
  )
