import { hash } from 'node:crypto'
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
  return hashBytes(`${entryFacts(entry)}\0${entry.kind === 'file' ? await tree.digest(entry) : ''}`)
}

const hashBytes = (text: string): string => hash('sha256', Buffer.from(text, 'latin1'), 'hex')

const childrenDigest = async (
  tree: Tree,
  folder: TreeEntry,
  matcher: PatternMatcher | undefined,
  relative: string,
  info?: MatchInfo,
): Promise<string> => {
  // one text a folder: to hash each piece, or to wait for it, takes longer than to join them
  let facts = ''
  for (const entry of await tree.list(folder.path)) {
    const name = nameOf(entry.path)
    const path = joinPath(relative, name)
    const match = matcher?.match(textFromBytes(path).text, info)
    if (entry.kind !== 'folder') {
      if (match?.matched === true) continue
      const digest = entry.kind === 'file' ? tree.digest(entry) : ''
      const content = typeof digest === 'string' ? digest : await digest
      facts += `${name}\0${entryFacts(entry)}\0${content}\0\0`
      continue
    }
    if (match !== undefined && matcher?.coversAll(textFromBytes(path).text, match) === true) continue
    const below = await childrenDigest(tree, entry, matcher, path, match?.info)
    facts += `${name}\0${match?.matched === true ? '' : entryFacts(entry)}\0${below}\0\0`
  }
  return hashBytes(facts)
}
