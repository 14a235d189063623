import { bytesAsText, textFromBytes } from '../../layers/tree/byte-text.ts'
import { GantryError } from '../../lib/errors.ts'
import { hasWildcard, matchGlob, parseGlob } from '../glob.ts'
import { resolvePath } from '../tree/resolve-path.ts'
import { cleanPath, joinPath, nameOf, shownPath, type Tree, type TreeEntry } from '../tree/tree.ts'

/** One source of a copy: the path that was named or matched, and what it leads to. */
export interface CopySource {
  /** Its name before links were followed; what it is called in a destination folder. */
  readonly name: string
  readonly entry: TreeEntry
}

/**
 * The sources that a pattern selects, in byte order. Leading `/` and `../` lead nowhere but to the root, links are followed within
 * the tree, wildcards do not cross slashes. A pattern with wildcards may match nothing; a path that is not there, or the folder in
 * which a wildcard stands, is `not_found`.
 */
export const selectSources = async (tree: Tree, pattern: string): Promise<readonly CopySource[]> => {
  const parts = cleanPath(pattern).split('/')
  const first = parts.findIndex(hasWildcard)
  const literal = bytesAsText((first < 0 ? parts : parts.slice(0, first)).join('/'))
  const base = await resolvePath(tree, literal)
  if (first < 0) {
    if (base.entry === undefined) throw notFound(literal)
    return [{ name: nameOf(literal), entry: base.entry }]
  }
  if (base.entry?.kind !== 'folder') throw notFound(literal)
  const found = await matchBelow(tree, base.path, parts.slice(first))
  const sources: CopySource[] = []
  for (const path of found) {
    const { entry } = await resolvePath(tree, path)
    if (entry === undefined) throw notFound(path)
    sources.push({ name: nameOf(path), entry })
  }
  return sources
}

const notFound = (path: string): GantryError =>
  new GantryError('not_found', 'SOURCE_NOT_FOUND', `failed to calculate checksum: "${shownPath(path)}": not found`, {
    hint: 'paths are looked up in the build context, which .dockerignore may keep it out of',
  })

const matchBelow = async (tree: Tree, folder: string, parts: readonly string[]): Promise<readonly string[]> => {
  const [part, ...rest] = parts
  if (part === undefined) return [folder]
  const tokens = parseGlob(part, false)
  const found: string[] = []
  for (const entry of await tree.list(folder)) {
    const name = nameOf(entry.path)
    if (!matchGlob(tokens, textFromBytes(name).text)) continue
    if (rest.length === 0) found.push(entry.path)
    else if (entry.kind === 'folder') found.push(...(await matchBelow(tree, joinPath(folder, name), rest)))
  }
  return found
}
