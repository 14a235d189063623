import { historySteps } from '../../oci/image-config.ts'
import type { Platform } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Engine } from '../engine.ts'
import { findImage } from './lookup.ts'

/** One step of an image's making, newest first. */
export interface HistoryRow {
  /** The image ID for the newest row; steps of the past have none. */
  readonly id?: Digest
  readonly created?: string
  readonly createdBy: string
  readonly comment: string
  /** Bytes of the files of the layer that the step made; 0 if it made none. */
  readonly size: number
}

/** The steps that made an image with the size of each one's layer. */
export const imageHistory = async (
  engine: Engine,
  text: string,
  options: { readonly platform?: Platform } = {},
): Promise<readonly HistoryRow[]> => {
  const { id, image } = await findImage(engine, text, options)
  const layers = await engine.layers()
  const rows: HistoryRow[] = []
  for (const { entry, diffId } of historySteps(image.config)) {
    const layer = diffId === undefined ? undefined : image.layers.find((one) => one.diffId === diffId)
    const size =
      layer === undefined ? 0 : (await layers.has(layer.diffId)) ? (await layers.info(layer.diffId)).contentSize : layer.blob.size
    rows.push({
      createdBy: entry?.created_by ?? '',
      comment: entry?.comment ?? '',
      size,
      ...(entry?.created === undefined ? {} : { created: entry.created }),
    })
  }
  const [newest, ...older] = rows.toReversed()
  return newest === undefined ? [] : [{ ...newest, id }, ...older]
}
