import { cachedLayerIds } from '../../build/cache.ts'
import { collectGarbage, type HiddenGarbage } from '../../content/collect-garbage.ts'
import type { Garbage } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { DiffId } from '../../oci/digest.ts'
import { listContainers } from '../containers/records.ts'
import type { Engine } from '../engine.ts'

/** Milliseconds that what a killed pull or build has left is kept, to go on with: a week. */
export const abandonedAfter = 7 * 24 * 3600 * 1000

export interface CollectUnusedOptions extends Abortable {
  /** Digests, diff IDs and chain IDs of what has just been given up: of that, what is not used otherwise goes. */
  readonly released?: ReadonlySet<string>
  /** What else nobody uses goes if it has not changed since then, in milliseconds since 1970. Default: a week ago. */
  readonly abandonedBefore?: number
  /** Called with what goes and where it is, just before it is removed. */
  readonly onHidden?: (hidden: readonly HiddenGarbage[]) => void
}

/**
 * Removes the blobs that no name leads to, and the layers, and what was made of them, that no image, container or cached step needs,
 * while other processes pull, build and run; what they rely on stays, and so does for some time what a killed one had completed.
 */
export const collectUnused = async (engine: Engine, options: CollectUnusedOptions = {}): Promise<readonly Garbage[]> => {
  const [content, layers] = await Promise.all([engine.content(), engine.layers()])
  const { released, abandonedBefore = engine.options.now().getTime() - abandonedAfter } = options
  try {
    return await collectGarbage(content, {
      ...options,
      dependents: [layers],
      stacks: async () => await stacksInUse(engine),
      partialsBefore: abandonedBefore,
      spare: ({ digest, changed }) => released?.has(digest) !== true && changed >= abandonedBefore,
    })
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
