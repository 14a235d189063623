import { digestHex, type ChainId, type DiffId } from '../oci/digest.ts'
import type { EncodeErofsOptions } from './erofs/encode.ts'

/** How the index over these layers' tars is written: named by the stack's chain ID, which for one layer is its diff ID. */
export const indexOptions = (
  layers: readonly { readonly diffId: DiffId; readonly tarSize: number }[],
  id: ChainId,
): EncodeErofsOptions => ({
  devices: layers.map(({ diffId, tarSize }) => ({ bytes: tarSize, tag: digestHex(diffId) })),
  uuid: Buffer.from(digestHex(id).slice(0, 32), 'hex'),
})
