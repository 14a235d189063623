import { createHash } from 'node:crypto'
import { textFromBytes } from '../../layers/tree/byte-text.ts'
import type { CopySource } from '../copy/select-sources.ts'
import { PatternMatcher, type MatchInfo } from '../ignore.ts'
import { entryFacts } from '../tree/entry-facts.ts'
import { joinPath, nameOf, type Tree, type TreeEntry } from '../tree/tree.ts'

/**
 * The digest of what a copy takes of a source: modes, owners, links and contents, not times. Of a folder its contents count, not
 * its own attributes, since those are not copied.
 */
export const sourceDigest = async (tree: Tree, { entry }: CopySource, exclude: readonly string[]): Promise<string> => {
  const matcher = exclude.length === 0 ? undefined : new PatternMatcher(exclude)
  if (entry.kind === 'folder') return await childrenDigest(tree, entry, matcher, '')
  return createHash('sha256')
    .update(await leafFacts(tree, entry), 'latin1')
    .digest('hex')
}

const leafFacts = async (tree: Tree, entry: TreeEntry): Promise<string> =>
  `${entryFacts(entry)}\0${entry.kind === 'file' ? await tree.digest(entry) : ''}`

const childrenDigest = async (
  tree: Tree,
  folder: TreeEntry,
  matcher: PatternMatcher | undefined,
  relative: string,
  info?: MatchInfo,
): Promise<string> => {
  const hash = createHash('sha256')
  for (const entry of await tree.list(folder.path)) {
    const name = nameOf(entry.path)
    const path = joinPath(relative, name)
    const match = matcher?.match(textFromBytes(path).text, info)
    if (entry.kind !== 'folder') {
      if (match?.matched !== true) hash.update(`${name}\0${await leafFacts(tree, entry)}\0\0`, 'latin1')
      continue
    }
    if (match !== undefined && matcher?.coversAll(textFromBytes(path).text, match) === true) continue
    const below = await childrenDigest(tree, entry, matcher, path, match?.info)
    hash.update(`${name}\0${match?.matched === true ? '' : entryFacts(entry)}\0${below}\0\0`, 'latin1')
  }
  return hash.digest('hex')
}
