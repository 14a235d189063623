import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ChainId, DiffId } from '../oci/digest.ts'
import { encodeErofs } from './erofs/encode.ts'
import { indexOptions } from './index-options.ts'
import { layerPaths, mergedPath } from './layer-paths.ts'
import { commitFolder, writeFileSynced } from './synced-files.ts'
import { readTree } from './read-tree.ts'
import type { LayerTree } from './tree/layer-tree.ts'
import { mergeTrees } from './tree/merge-trees.ts'

/** What a worker needs to know to make one index over several layers. */
export interface MergeJob {
  readonly kind: 'merge'
  /** The store's folder, and a path in it that does not exist, to work in. */
  readonly folder: string
  readonly temporary: string
  readonly chainId: ChainId
  /** Base first. */
  readonly layers: readonly { readonly diffId: DiffId; readonly tarSize: number }[]
}

/** Makes the index that shows the layers put over each other, beside the list of them. */
export const mergeIndexes = (job: MergeJob): void => {
  const paths = layerPaths(job.folder)
  // one at a time, as they are needed
  function* trees(): Generator<LayerTree> {
    for (const { diffId } of job.layers) yield readTree(paths.index(diffId))
  }
  const tree = mergeTrees(trees(), true)
  mkdirSync(job.temporary, { recursive: true })
  writeFileSynced(join(job.temporary, 'index'), encodeErofs(tree, indexOptions(job.layers, job.chainId)))
  writeFileSynced(join(job.temporary, 'layers'), [Buffer.from(JSON.stringify(job.layers.map(({ diffId }) => diffId)))])
  mkdirSync(paths.merged, { recursive: true })
  commitFolder(job.temporary, mergedPath(paths, job.chainId))
}
