import type { DiffId } from '../oci/digest.ts'
import { mountFacts } from './mount-facts.ts'
import type { StoredInfo } from './stored-info.ts'
import type { LayerTree } from './tree/layer-tree.ts'

/** What the store keeps about a layer, by its tree and the size of its tar. */
export const layerInfo = (tree: LayerTree, diffId: DiffId, tarSize: number): StoredInfo => ({
  diffId,
  tarSize,
  contentSize: tree.contentSize,
  entries: tree.entries,
  ...mountFacts(tree),
})
