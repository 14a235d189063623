import { join } from 'node:path'
import type { ChainId, DiffId } from '../oci/digest.ts'
import { digestIn } from './garbage.ts'
import type { LayerCheck, VerifyOptions } from './interfaces.ts'
import { namesIn, type TarLayers } from './tar-layers.ts'
import type { VerifyJob } from './verify-layer.ts'

const runVerify = async (layers: TarLayers, what: VerifyJob['what'], { repair = false }: VerifyOptions): Promise<LayerCheck> =>
  await layers.workspace.run(async () => {
    const temporary = await layers.workspace.temporary()
    return await layers.runJob<LayerCheck>({ kind: 'verify', folder: layers.folder, temporary, what, repair })
  })

/** See `LayerStore.verify`. */
export const verifyStored = async (layers: TarLayers, layer: DiffId, options: VerifyOptions = {}): Promise<LayerCheck> =>
  await runVerify(layers, { layer }, options)

/** See `LayerStore.verifyMerged`. */
export async function* verifyMerged(
  layers: TarLayers,
  options: VerifyOptions = {},
): AsyncIterable<LayerCheck & { readonly id: ChainId }> {
  for (const name of await namesIn(layers.paths.merged)) {
    const id = digestIn(name)
    if (id === undefined) continue
    const check = await runVerify(layers, { merged: name }, options)
    const repaired = check.index !== undefined && options.repair === true
    if (repaired) await layers.discard(join(layers.paths.merged, name))
    yield { ...check, id, ...(repaired ? { repaired } : {}) }
  }
}
