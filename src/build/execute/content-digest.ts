import { PatternMatcher, type MatchInfo } from '../ignore.ts'
import { canonicalJson, hashOf } from '../graph.ts'
import type { CopySource } from '../copy/select-sources.ts'
import { textFromBytes } from '../../layers/tree/byte-text.ts'
import { joinPath, nameOf, type Tree, type TreeEntry } from '../tree/tree.ts'

/** What counts of an entry for a cache: everything but its path, its time and which of several names it is (BuildKit's contenthash). */
const headerOf = ({ path: _path, mtime: _mtime, inode: _inode, xattrs, ...rest }: TreeEntry): unknown => ({
  ...rest,
  xattrs: Object.entries(xattrs ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
})

/**
 * The digest of what a copy takes of a source: modes, owners, links and contents, not times. Of a folder its contents count, not
 * its own attributes, since those are not copied.
 */
export const sourceDigest = async (tree: Tree, { entry }: CopySource, exclude: readonly string[]): Promise<string> => {
  const matcher = exclude.length === 0 ? undefined : new PatternMatcher(exclude)
  return entry.kind === 'folder' ? await childrenDigest(tree, entry, matcher, '') : await leafDigest(tree, entry)
}

const leafDigest = async (tree: Tree, entry: TreeEntry): Promise<string> =>
  hashOf([headerOf(entry), entry.kind === 'file' ? await tree.digest(entry) : ''])

const childrenDigest = async (
  tree: Tree,
  folder: TreeEntry,
  matcher: PatternMatcher | undefined,
  relative: string,
  info?: MatchInfo,
): Promise<string> => {
  const lines: string[] = []
  for (const entry of await tree.list(folder.path)) {
    const path = joinPath(relative, nameOf(entry.path))
    const match = matcher?.match(textFromBytes(path).text, info)
    if (entry.kind !== 'folder') {
      if (match?.matched !== true) lines.push(canonicalJson([nameOf(entry.path), await leafDigest(tree, entry)]))
      continue
    }
    if (match !== undefined && matcher?.coversAll(textFromBytes(path).text, match) === true) continue
    const below = await childrenDigest(tree, entry, matcher, path, match?.info)
    lines.push(canonicalJson([nameOf(entry.path), match?.matched === true ? '' : hashOf(headerOf(entry)), below]))
  }
  return hashOf(lines)
}
