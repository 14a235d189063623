import { textFromBytes } from '../../layers/tree/byte-text.ts'
import { collect } from '../../lib/bytes.ts'
import { parseIgnoreFile, PatternMatcher } from '../ignore.ts'
import { FolderTree } from '../tree/folder-tree.ts'
import type { KnownDigests } from '../tree/known-digests.ts'
import { joinPath, nameOf, type Tree } from '../tree/tree.ts'
import { codePatterns, secretFiles, type IgnoreRules } from './own-code.ts'
import type { Manifest } from './manifest.ts'

export interface CodeFolder {
  readonly path: string
  readonly manifest: Manifest
}

const ignoreLimit = 1024 * 1024

/** The files of a project's own folders that belong into an image, as a tree of the whole project. */
export const codeFiles = async (
  root: string,
  files: Tree,
  folders: readonly CodeFolder[],
  digests: KnownDigests,
): Promise<Tree> => {
  const rules: IgnoreRules[] = []
  for (const path of new Set(['', ...folders.map((folder) => folder.path)])) {
    const text =
      (await textAt(files, joinPath(path, 'pack.dockerignore'))) ?? (await textAt(files, joinPath(path, '.dockerignore')))
    if (text !== undefined)
      rules.push({ folder: textFromBytes(path).text, patterns: parseIgnoreFile(text).map(({ pattern }) => pattern) })
  }
  const named = folders.map(({ path, manifest }) => ({ path: textFromBytes(path).text, manifest }))
  return new FolderTree(root, { ignore: codePatterns(named, rules), digests })
}

const textAt = async (files: Tree, path: string): Promise<string | undefined> => {
  const entry = await files.stat(path)
  return entry?.kind === 'file' ? (await collect(files.read(entry), ignoreLimit, `"${path}"`)).toString('utf8') : undefined
}

/** What is directly in a folder, has the name of what holds secrets, and is left out. */
export const secretsIn = async (files: Tree, code: Tree, folder: string): Promise<readonly string[]> => {
  const matcher = new PatternMatcher(secretFiles)
  const found: string[] = []
  for (const { path } of await files.list(folder)) {
    const text = textFromBytes(path).text
    if (matcher.matchPath(text).matched && (await code.stat(path)) === undefined) found.push(textFromBytes(nameOf(path)).text)
  }
  return found
}
