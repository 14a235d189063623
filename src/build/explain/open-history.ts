import type { BuildCache } from '../cache.ts'
import type { Frontend } from '../frontend.ts'
import type { BuildServices } from '../interfaces.ts'
import { BuildHistory } from './build-history.ts'
import { buildIdentity, type IdentityOptions } from './build-identity.ts'
import { scrubber } from './secret-names.ts'

export interface HistoryOptions extends IdentityOptions {
  readonly noCache?: boolean
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly frontend?: Pick<Frontend, 'name'>
}

/** What is known of the last build with these options. */
export const openHistory = async (
  options: HistoryOptions,
  { platform }: Pick<BuildServices, 'platform'>,
  cache: BuildCache,
): Promise<BuildHistory> => {
  const { frontend } = options
  const identity = buildIdentity(options, platform)
  return await BuildHistory.open({
    folder: cache.historyFolder,
    identity: frontend === undefined ? identity : { ...identity, dockerfile: frontend.name },
    noCache: options.noCache ?? false,
    filesOf: (layer) => cache.filesOf(layer),
    scrub: scrubber(options.buildArgs ?? {}),
  })
}
