import { join } from 'node:path'
import { digestAlgorithm, digestHex, type ChainId, type DiffId, type DigestAlgorithm } from '../oci/digest.ts'

/** Where the things of a layer store are, below its folder. */
export interface LayerPaths {
  /** All layers of one algorithm. */
  algorithm(algorithm: DigestAlgorithm): string
  /** One layer; holds `tar`, `index` and `info`, and is there whole or not at all. */
  layer(id: DiffId): string
  tar(id: DiffId): string
  index(id: DiffId): string
  info(id: DiffId): string
  /** Indexes over several layers. */
  readonly merged: string
  /** Layers unpacked into folders. */
  readonly unpacked: string
  /** Work in progress and the locks; whatever nobody works at may be removed. */
  readonly temporary: string
}

export const layerPaths = (folder: string): LayerPaths => {
  const layer = (id: DiffId): string => join(folder, digestAlgorithm(id), digestHex(id))
  return {
    algorithm: (algorithm) => join(folder, algorithm),
    layer,
    tar: (id) => join(layer(id), 'tar'),
    index: (id) => join(layer(id), 'index'),
    info: (id) => join(layer(id), 'info'),
    merged: join(folder, 'merged'),
    unpacked: join(folder, 'unpacked'),
    temporary: join(folder, 'tmp'),
  }
}

/** What is in a layer's folder. */
export const layerFiles = ['tar', 'index', 'info'] as const

/** One file name for a digest of any algorithm. */
export const fileNameOf = (id: ChainId): string => `${digestAlgorithm(id)}-${digestHex(id)}`

/** The folder of the merged index over a stack; holds `index` and `layers`. */
export const mergedPath = (paths: LayerPaths, id: ChainId): string => join(paths.merged, fileNameOf(id))
