import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import { systemCode } from '../lib/errors.ts'
import type { ChainId, DiffId } from '../oci/digest.ts'
import { fileNameOf, mergedPath } from './layer-paths.ts'
import type { StoredInfo } from './stored-info.ts'
import { namesIn, type TarLayers } from './tar-layers.ts'

/** The indexes over several layers: made on demand, used again, and gone with the first of their layers that goes. */
export class MergedIndexes {
  readonly #layers: TarLayers

  constructor(layers: TarLayers) {
    this.#layers = layers
  }

  /** The index of a stack, if it has been made. */
  async find(id: ChainId): Promise<string | undefined> {
    const path = join(mergedPath(this.#layers.paths, id), 'index')
    try {
      await access(path)
      return path
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** The index of a stack, base first. */
  async make(id: ChainId, layers: readonly StoredInfo[], options?: Abortable): Promise<string> {
    const path = mergedPath(this.#layers.paths, id)
    const work = async (): Promise<void> => {
      if ((await this.find(id)) !== undefined) return
      const { folder, workspace } = this.#layers
      await this.#layers.runJob({ kind: 'merge', folder, temporary: workspace.temporary(), chainId: id, layers })
    }
    if ((await this.find(id)) === undefined) await this.#layers.workspace.exclusive(`merged-${fileNameOf(id)}`, work, options)
    return join(path, 'index')
  }

  /** Removes the indexes that have to do with a layer. */
  async dropOf(id: DiffId): Promise<void> {
    for (const name of await namesIn(this.#layers.paths.merged)) {
      const path = join(this.#layers.paths.merged, name)
      const layers = await readFile(join(path, 'layers'), 'utf8').catch(() => '')
      if (layers.includes(id)) await this.#layers.discard(path)
    }
  }
}
