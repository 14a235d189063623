import { ErofsReader } from './erofs/reader.ts'
import { treeOf } from './erofs/tree-of.ts'
import type { LayerTree } from './tree/layer-tree.ts'

/** The tree of an index file. */
export const readTree = (index: string): LayerTree => {
  using reader = ErofsReader.open(index)
  return treeOf(reader)
}
