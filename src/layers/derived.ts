import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import type { DiffId } from '../oci/digest.ts'
import type { LayerJob } from './layer.worker.ts'
import { namesIn, type TarLayers } from './tar-layers.ts'

// What is made of layers and can be made again at any time: indexes over several, layers unpacked into folders. Each is a folder with a
// list `layers` of those that went into it, and goes with the first of them that goes.

/** True if something is at the path (links followed). */
export const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

/** Has a worker make the folder at `target`, unless it is there. */
export const makeDerived = async (
  layers: TarLayers,
  target: string,
  job: (temporary: string) => LayerJob,
  options?: Abortable,
): Promise<void> => {
  if (exists(target)) return
  const work = async (): Promise<void> => {
    if (!exists(target)) await layers.runJob(job(await layers.workspace.temporary()))
  }
  await layers.workspace.exclusive(basename(target), work, options)
}

/** Removes all that was made of a layer. */
export const dropDerived = async (layers: TarLayers, id: DiffId): Promise<void> => {
  for (const folder of [layers.paths.merged, layers.paths.unpacked]) {
    for (const name of await namesIn(folder)) {
      const list = await readFile(join(folder, name, 'layers'), 'utf8').catch(() => '')
      if (list.includes(id)) await layers.discard(join(folder, name))
    }
  }
}
