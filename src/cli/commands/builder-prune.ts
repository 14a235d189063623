import { prune, type CacheType } from '../../engine/system/prune.ts'
import { GantryError } from '../../lib/errors.ts'
import { defineCommand } from '../command.ts'
import { confirm, parsePruneFilters, printPruned, pruneFlags } from '../prune.ts'

export const command = defineCommand({
  usage: 'builder prune [OPTIONS]',
  summary: 'Forget the steps of builds whose layers nothing but the cache keeps, and the caches that steps mount',
  flags: {
    all: { type: 'boolean', short: 'a', help: 'Forget all steps, also those whose layers images have: they are built anew then' },
    ...pruneFlags,
    filter: {
      ...pruneFlags.filter,
      help: "Only what fits: 'until=24h', by when it was made or a cache mount was used; 'type=regular' or 'type=exec.cachemount'",
    },
  },
  arity: [0, 0],
  examples: ['gantry builder prune', 'gantry builder prune -af', 'gantry builder prune -f --filter type=exec.cachemount'],
  async run(context, _args, flags) {
    let cacheType: CacheType | undefined
    const type = (value: string): void => {
      if (value !== 'regular' && value !== 'exec.cachemount')
        throw new GantryError(
          'invalid_argument',
          'USAGE',
          `invalid filter 'type=${value}': regular and exec.cachemount are there`,
        )
      cacheType = value
    }
    const filter = parsePruneFilters(flags.filter, context.now().getTime(), { type })
    const all = flags.all === true
    const what = all ? 'all build cache' : 'all dangling build cache'
    await confirm(context, `WARNING! This will remove ${what}.`, flags.force, 'builder prune')
    const pruned = await prune(context.engine, {
      cache: all ? 'all' : 'unused',
      ...(cacheType === undefined ? {} : { cacheType }),
      filter,
      signal: context.signal,
    })
    await printPruned(context, pruned)
  },
})
