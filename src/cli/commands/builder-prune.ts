import { prune, type CacheType } from '../../engine/system/prune.ts'
import { GantryError, messageOf } from '../../lib/errors.ts'
import { parseSize } from '../../lib/parse-size.ts'
import { defineCommand } from '../command.ts'
import { confirm, parsePruneFilters, printPruned, pruneFlags } from '../prune.ts'

export const command = defineCommand({
  usage: 'builder prune [OPTIONS]',
  summary: 'Forget the steps of builds whose layers nothing but the cache keeps, and the caches that steps mount',
  flags: {
    all: { type: 'boolean', short: 'a', help: 'Forget all steps, also those whose layers images have: they are built anew then' },
    'keep-storage': { type: 'string', value: 'BYTES', help: 'As --reserved-space, in older docker' },
    'max-used-space': { type: 'string', value: 'BYTES', help: 'Keep so much of the cache at most, the last used: 10GB' },
    'min-free-space': { type: 'string', value: 'BYTES', help: 'Forget steps until so much of the disk is free' },
    'reserved-space': { type: 'string', value: 'BYTES', help: 'Always keep so much of the cache' },
    ...pruneFlags,
    filter: {
      ...pruneFlags.filter,
      help: "Only what fits: 'until=24h', by when it was made or a cache mount was used; 'type=regular' or 'type=exec.cachemount'",
    },
  },
  arity: [0, 0],
  examples: [
    'gantry builder prune',
    'gantry builder prune -af',
    'gantry builder prune -f --max-used-space 10GB',
    'gantry builder prune -f --filter type=exec.cachemount',
  ],
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
    const limits = {
      reserved: Math.max(bytes('reserved-space', flags['reserved-space']), bytes('keep-storage', flags['keep-storage'])),
      maxUsed: bytes('max-used-space', flags['max-used-space']),
      minFree: bytes('min-free-space', flags['min-free-space']),
    }
    const pruned = await prune(context.engine, {
      cache: all ? 'all' : 'unused',
      ...(cacheType === undefined ? {} : { cacheType }),
      filter,
      limits,
      signal: context.signal,
    })
    await printPruned(context, pruned)
  },
})

const bytes = (flag: string, text: string | undefined): number => {
  try {
    return text === undefined ? 0 : parseSize(text)
  } catch (error) {
    throw new GantryError('invalid_argument', 'USAGE', `invalid argument "${text}" for "--${flag}" flag: ${messageOf(error)}`)
  }
}
