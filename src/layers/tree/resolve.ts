import { depthLimit, layerError } from './layer-tree.ts'
import type { TreeNode } from './node.ts'
import { targetComponents } from './path.ts'

/** Most symlinks on the way to one path, as Linux has it. */
export const hopLimit = 40

/**
 * Goes down from `root` through folders, following symlinks inside the root only: an absolute target starts at the root, and `..` stops
 * there. `missing` says what is where nothing is: a new folder, or undefined to give up. Answers undefined then, too.
 * LAYER_INVALID for a way through something else, for too many symlinks, for too great a depth; `path` names it.
 */
export const resolveFolder = <N extends TreeNode>(
  root: N,
  components: readonly string[],
  path: string,
  missing: (folder: N, name: string) => N | undefined,
  onFollow?: (components: number) => void,
): N | undefined => {
  const stack: N[] = [root]
  const pending = components.toReversed()
  let hops = 0
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '..') {
      if (stack.length > 1) stack.pop()
      continue
    }
    const folder = stack[stack.length - 1] as N
    // a node's children are of its own type
    let child = folder.children?.get(name) as N | undefined
    if (child === undefined || child.kind === 'whiteout') child = missing(folder, name)
    if (child === undefined) return undefined
    if (child.kind === 'folder') {
      stack.push(child)
      if (stack.length > depthLimit) throw layerError(path, `it is in more than ${depthLimit} folders`)
    } else if (child.kind === 'symlink') {
      if (++hops > hopLimit) throw layerError(path, 'too many symlinks are on the way to it')
      const target = child.rare?.target ?? ''
      const more = targetComponents(target)
      onFollow?.(more.length)
      if (target.startsWith('/')) stack.length = 1
      for (let i = more.length - 1; i >= 0; i--) pending.push(more[i] as string)
    } else {
      throw layerError(path, `"${name}" on the way to it is not a folder`)
    }
  }
  return stack[stack.length - 1]
}
