import type { Platform } from '../../oci/descriptor.ts'
import type { Engine } from '../engine.ts'
import { pullImage, type PullOptions, type PullResult } from './pull.ts'

/** Which platforms of a multi-platform image are wanted; none: the machine's own; `all`: the whole index. */
export type WantedPlatforms = readonly Platform[] | 'all'

export interface PullPlatformsOptions extends Omit<PullOptions, 'platform' | 'target'> {
  readonly platforms?: WantedPlatforms
}

/**
 * Downloads several platforms of one image into one index. The tag is resolved once, so that all of them are of the same index, and
 * the first platform is the one that the result speaks of.
 */
export const pullPlatforms = async (
  engine: Engine,
  text: string,
  { platforms = [], ...options }: PullPlatformsOptions = {},
): Promise<PullResult> => {
  if (platforms === 'all') return await pullImage(engine, text, { ...options, platform: 'all' })
  const [first, ...others] = platforms
  const result = await pullImage(engine, text, first === undefined ? options : { ...options, platform: first })
  let { upToDate } = result
  for (const platform of others) {
    const more = await pullImage(engine, text, {
      ...options,
      platform,
      target: result.target,
      onEvent: (event) => {
        if (event.kind !== 'resolved') options.onEvent?.(event)
      },
    })
    upToDate &&= more.upToDate
  }
  return { ...result, upToDate }
}
