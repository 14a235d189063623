import type { BuildCache } from '../cache.ts'
import type { BuildServices } from '../interfaces.ts'
import { BuildHistory } from './build-history.ts'
import { buildIdentity, type IdentityOptions } from './build-identity.ts'
import { scrubber } from './secret-names.ts'

export interface HistoryOptions extends IdentityOptions {
  readonly noCache?: boolean
  readonly buildArgs?: Readonly<Record<string, string>>
}

/** What is known of the last build with these options. */
export const openHistory = async (
  options: HistoryOptions,
  { platform }: Pick<BuildServices, 'platform'>,
  cache: BuildCache,
): Promise<BuildHistory> =>
  await BuildHistory.open({
    folder: cache.historyFolder,
    identity: buildIdentity(options, platform),
    noCache: options.noCache ?? false,
    filesOf: (layer) => cache.filesOf(layer),
    scrub: scrubber(options.buildArgs ?? {}),
  })
