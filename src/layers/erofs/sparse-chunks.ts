import { GantryError } from '../../lib/errors.ts'
import type { Extent } from '../tree/node.ts'
import { blockBits, blockBytes, noBlock } from './format.ts'

/** A file of chunks of one size, each at a block of its own or a hole. */
export interface Chunks {
  /** A chunk has 512 << bits bytes. */
  readonly bits: number
  readonly count: number
}

/** Most chunks of one file: 4 MiB of index. */
const chunkLimit = 2 ** 20
const mostBits = 21

/** The largest chunks that no part of a sparse file begins or ends in. `unsupported` (LAYER_SPARSE) where there are none, or too many. */
export const chunksOf = (size: number, extents: readonly Extent[]): Chunks => {
  let chunk = blockBytes * 2 ** mostBits
  for (const { offset, length, position } of extents) {
    // the last chunk of the file may be a part of one
    const end = offset + length === size ? 0 : offset + length
    while (chunk >= blockBytes && (offset % chunk) + (end % chunk) > 0) chunk /= 2
    if (position % blockBytes !== 0) chunk = 0
  }
  const count = Math.ceil(size / chunk)
  if (chunk < blockBytes || count > chunkLimit)
    throw new GantryError(
      'unsupported',
      'LAYER_SPARSE',
      'Cannot index the layer: it has a sparse file whose parts cannot be pointed at one by one',
      { hint: 'make the layer without sparse entries (tar without -S), as the image specification asks for' },
    )
  return { bits: Math.log2(chunk) - blockBits, count }
}

/** Writes where each chunk is: a block number, counted from `firstBlock`, or a hole. */
export const writeChunks = (target: Buffer, at: number, chunks: Chunks, extents: readonly Extent[], firstBlock: number): void => {
  const bytes = blockBytes * 2 ** chunks.bits
  let index = 0
  for (let chunk = 0; chunk < chunks.count; chunk++) {
    const offset = chunk * bytes
    while (index < extents.length && (extents[index] as Extent).offset + (extents[index] as Extent).length <= offset) index++
    const extent = extents[index]
    const block =
      extent === undefined || extent.offset > offset
        ? noBlock
        : firstBlock + (extent.position + offset - extent.offset) / blockBytes
    target.writeUInt32LE(block, at + chunk * 4)
  }
}
