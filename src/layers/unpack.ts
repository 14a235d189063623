import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { nativeFiles } from '../lib/native-files.ts'
import type { DiffId } from '../oci/digest.ts'
import { layerPaths } from './layer-paths.ts'
import { readTree } from './read-tree.ts'
import { commitFolder, writeFileSynced } from './synced-files.ts'
import type { LayerTree } from './tree/layer-tree.ts'
import { mergeTrees } from './tree/merge-trees.ts'
import { TreeUnpacker } from './unpack-tree.ts'

/** What a worker needs to know to unpack one layer into a folder that overlayfs can use. */
export interface UnpackJob {
  readonly kind: 'unpack'
  /** The store's folder, a path in it that does not exist, to work in, and the path where the result belongs. */
  readonly folder: string
  readonly temporary: string
  readonly target: string
  readonly layer: DiffId
  /** The layers below, base first, if it matters what is in them: see `fitsOver`. */
  readonly below: readonly DiffId[] | undefined
  /** The overlay will be mounted in a user namespace, where overlayfs looks for other xattrs. */
  readonly userXattr: boolean
}

/** Unpacks the layer into `root` in the target, beside the list of the layers that it was made of. */
export const unpackLayer = (job: UnpackJob): void => {
  const paths = layerPaths(job.folder)
  const layers = [...(job.below ?? []), job.layer]
  const trees = layers.map((id) => readTree(paths.index(id)))
  const own = trees.at(-1) as LayerTree
  const tars = layers.map((id) => openSync(paths.tar(id), 'r'))
  try {
    const root = join(job.temporary, 'root')
    mkdirSync(root, { recursive: true })
    const place = job.below === undefined ? undefined : { below: mergeTrees(trees.slice(0, -1)), seen: mergeTrees(trees) }
    new TreeUnpacker({ tars, root, userXattr: job.userXattr }).unpack(own, place)
    writeFileSynced(join(job.temporary, 'layers'), [Buffer.from(JSON.stringify(layers))])
    // one call for all files: what is renamed into place is whole after a power cut, too
    nativeFiles().syncFileSystem(tars[0] as number)
    mkdirSync(paths.unpacked, { recursive: true })
    commitFolder(job.temporary, job.target)
  } finally {
    for (const tar of tars) closeSync(tar)
  }
}
