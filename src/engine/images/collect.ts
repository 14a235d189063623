import { cachedLayerIds } from '../../build/cache.ts'
import { collectGarbage, type HiddenGarbage } from '../../content/collect-garbage.ts'
import type { Garbage } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { DiffId } from '../../oci/digest.ts'
import { listContainers } from '../containers/records.ts'
import type { Engine } from '../engine.ts'
import { forgetUnfinished, unfinishedNames } from './unfinished.ts'

export interface CollectUnusedOptions extends Abortable {
  /** Also forget what has arrived of images whose download was not resumed since then (milliseconds since 1970). Default: keep it. */
  readonly partialsBefore?: number
  /** Called with what goes and where it is, just before it is removed. */
  readonly onHidden?: (hidden: readonly HiddenGarbage[]) => void
}

/**
 * Removes the blobs that no name leads to, and the layers, and what was made of them, that no image, container or cached step needs,
 * while other processes pull, build and run; what they rely on stays.
 */
export const collectUnused = async (engine: Engine, options: CollectUnusedOptions = {}): Promise<readonly Garbage[]> => {
  const [content, layers] = await Promise.all([engine.content(), engine.layers()])
  try {
    const collected = await collectGarbage(content, {
      ...options,
      dependents: [layers],
      stacks: async () => await stacksInUse(engine),
      wanted: () => unfinishedNames(engine, options.partialsBefore),
    })
    if (options.partialsBefore !== undefined) forgetUnfinished(engine, options.partialsBefore)
    return collected
  } catch (cause) {
    if (!isGantryError(cause, 'data_loss')) throw cause
    throw new GantryError('data_loss', cause.code, `Cannot remove what is not used: ${cause.message}`, {
      cause,
      hint: cause.hint ?? "what an image needs is not known while its manifest is damaged: run 'gantry system verify --repair'",
    })
  }
}

/** The layers of containers, and each layer that a cached step made. */
const stacksInUse = async (engine: Engine): Promise<readonly (readonly DiffId[])[]> => [
  ...(await listContainers(engine)).map(({ layers }) => layers),
  ...(await cachedLayerIds(engine.path('build-cache'))).map((id) => [id]),
]
