import { closeSync, openSync, readFileSync, readSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { isGantryError, systemCode, type GantryError } from '../lib/errors.ts'
import { TarParser } from '../lib/tar/parser.ts'
import { chainIds } from '../oci/chain-id.ts'
import { createDigester, digestAlgorithm, type ChainId, type DiffId } from '../oci/digest.ts'
import { encodeErofs } from './erofs/encode.ts'
import { indexOptions } from './index-options.ts'
import type { LayerCheck } from './interfaces.ts'
import { layerInfo } from './layer-info.ts'
import { layerPaths, type LayerPaths } from './layer-paths.ts'
import { readTree } from './read-tree.ts'
import type { StoredInfo } from './stored-info.ts'
import { syncFolderSync, writeFileSynced } from './synced-files.ts'
import { LayerTreeBuilder } from './tree/layer-tree-builder.ts'
import type { LayerTree } from './tree/layer-tree.ts'
import { mergeTrees } from './tree/merge-trees.ts'

/** What a worker needs to know to check a layer against its diff ID and its index against its tar, or a merged index against its layers. */
export interface VerifyJob {
  readonly kind: 'verify'
  readonly folder: string
  /** Paths that do not exist and begin so are worked at. */
  readonly temporary: string
  readonly what: { readonly layer: DiffId } | { readonly merged: string }
  /** Whether an index that is wrong is made again where the tar is right. */
  readonly repair: boolean
}

/** Checks one layer or one merged index. Blocks the thread. */
export const verifyLayer = (job: VerifyJob): LayerCheck => {
  const paths = layerPaths(job.folder)
  return 'layer' in job.what ? verifyTar(job, paths, job.what.layer) : verifyMerged(paths, job.what.merged)
}

const verifyTar = (job: VerifyJob, paths: LayerPaths, layer: DiffId): LayerCheck => {
  const read = readTar(paths.tar(layer), layer)
  if (typeof read === 'string') return { tar: read }
  const { tree, size } = read
  const index = Buffer.concat([...encodeErofs(tree, indexOptions([{ diffId: layer, tarSize: size }], layer))])
  const facts = Buffer.from(JSON.stringify(layerInfo(tree, layer, size)))
  const wrong = [
    difference('its index', paths.index(layer), index),
    difference('its list of facts', paths.info(layer), facts),
  ].filter((reason) => reason !== undefined)
  if (wrong.length === 0) return {}
  const reason = wrong.join(', ')
  if (!job.repair) return { index: reason }
  replace(`${job.temporary}.index`, paths.index(layer), index)
  replace(`${job.temporary}.info`, paths.info(layer), facts)
  syncFolderSync(paths.layer(layer))
  return { index: reason, repaired: true }
}

const blockSize = 1 << 20

/** The tree of a tar that is whole, or what is wrong with it. */
const readTar = (path: string, layer: DiffId): { readonly tree: LayerTree; readonly size: number } | string => {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'its tar is missing'
    throw error
  }
  const builder = new LayerTreeBuilder()
  const parser = new TarParser({ entry: (entry, bodyOffset) => builder.add(entry, bodyOffset) })
  const digester = createDigester(digestAlgorithm(layer))
  let failure: GantryError | undefined
  let size = 0
  const parse = (work: () => void): void => {
    try {
      if (failure === undefined) work()
    } catch (error) {
      if (!isGantryError(error)) throw error
      failure = error
    }
  }
  try {
    const block = Buffer.allocUnsafeSlow(blockSize)
    for (let got = -1; got !== 0; size += got) {
      got = readSync(file, block, 0, blockSize, size)
      const piece = block.subarray(0, got)
      digester.update(piece)
      parse(() => parser.feed(piece))
    }
  } finally {
    closeSync(file)
  }
  const actual = digester.digest()
  if (actual !== layer) return `its tar of ${size} bytes has the digest "${actual}"`
  let tree: LayerTree | undefined
  parse(() => {
    parser.finish()
    tree = builder.finish()
  })
  return tree === undefined ? (failure?.message ?? 'its tar is none') : { tree, size }
}

const difference = (what: string, path: string, expected: Uint8Array): string | undefined => {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return `${what} is missing`
    throw error
  }
  return bytes.equals(expected) ? undefined : `${what} is not what its tar gives`
}

const replace = (temporary: string, path: string, bytes: Uint8Array): void => {
  writeFileSynced(temporary, [bytes])
  renameSync(temporary, path)
}

const verifyMerged = (paths: LayerPaths, name: string): LayerCheck => {
  const folder = join(paths.merged, name)
  try {
    const layers = JSON.parse(readFileSync(join(folder, 'layers'), 'utf8')) as readonly DiffId[]
    const stack = layers.map((diffId) => ({
      diffId,
      tarSize: (JSON.parse(readFileSync(paths.info(diffId), 'utf8')) as StoredInfo).tarSize,
    }))
    const tree = mergeTrees(layers.map((id) => readTree(paths.index(id))))
    const expected = Buffer.concat([...encodeErofs(tree, indexOptions(stack, chainIds(layers).at(-1) as ChainId))])
    const wrong = difference('the merged index', join(folder, 'index'), expected)
    return wrong === undefined ? {} : { index: wrong.replace('its tar gives', 'its layers give') }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && !(error instanceof SyntaxError) && !isGantryError(error)) throw error
    return { index: 'its list of layers, or one of them, is missing or damaged' }
  }
}
