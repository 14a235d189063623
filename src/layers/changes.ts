import type { LayerStack } from './stack.ts'
import { textFromBytes } from './tree/byte-text.ts'
import { walkUpper, type WalkUpperOptions } from './upper-walk.ts'

/** What became of a path of an image in a container. */
export interface Change {
  readonly kind: 'added' | 'changed' | 'deleted'
  /** Relative to the root. */
  readonly path: string
}

/**
 * How an upper folder differs from the layers below it, as `docker diff` tells: folders before what is in them. A folder in which
 * something changed is itself changed.
 */
export async function* changesOf(
  upper: string,
  below: LayerStack,
  options: WalkUpperOptions = {},
): AsyncGenerator<Change, void, undefined> {
  // folders of the upper whose counterparts below are not seen
  const alone = new Set<string>()
  for (const entry of walkUpper(upper, options)) {
    const { path } = entry
    const slash = path.lastIndexOf('/')
    const hidden = slash >= 0 && alone.has(path.slice(0, slash))
    const lower = hidden ? undefined : await below.lookup(Buffer.from(path, 'latin1'), { followLast: false })
    if (entry.stat.isDirectory() && (entry.opaque || lower?.kind !== 'folder')) alone.add(path)
    const kind = entry.whiteout ? 'deleted' : lower === undefined ? 'added' : 'changed'
    yield { kind, path: textFromBytes(path).text }
  }
}
