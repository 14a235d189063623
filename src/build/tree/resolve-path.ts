import { GantryError } from '../../lib/errors.ts'
import { joinPath, shownPath, type Tree, type TreeEntry } from './tree.ts'

/** Where a path leads: the path without symlinks, and what is there. */
export interface Resolved {
  readonly path: string
  readonly entry: TreeEntry | undefined
}

/** As many as Go's securejoin allows. */
const linkLimit = 255

/**
 * Follows the symlinks of a path as the kernel would if the tree were the root of the file system, so that nothing leads out of it.
 * What does not exist is taken as it is written. With `last` false a symlink at the end is not followed. `invalid_argument` for too
 * many links.
 */
export const resolvePath = async (
  tree: Pick<Tree, 'stat'>,
  path: string,
  options: { readonly last?: boolean } = {},
): Promise<Resolved> => {
  const { last = true } = options
  const pending = path.split('/').reverse()
  let resolved = ''
  let entry = await tree.stat('')
  let links = 0
  while (pending.length > 0) {
    const part = pending.pop() ?? ''
    if (part === '' || part === '.') continue
    if (part === '..') {
      resolved = resolved.slice(0, Math.max(0, resolved.lastIndexOf('/')))
      entry = await tree.stat(resolved)
      continue
    }
    const next = joinPath(resolved, part)
    const found = entry?.kind === 'folder' ? await tree.stat(next) : undefined
    if (found?.kind === 'symlink' && (last || pending.some((one) => one !== '' && one !== '.'))) {
      if (++links > linkLimit)
        throw new GantryError('invalid_argument', 'TOO_MANY_LINKS', `Cannot follow "${shownPath(path)}": too many links`)
      const target = found.target ?? ''
      if (target.startsWith('/')) {
        resolved = ''
        entry = await tree.stat('')
      }
      pending.push(...target.split('/').reverse())
      continue
    }
    resolved = next
    entry = found
  }
  return { path: resolved, entry }
}
