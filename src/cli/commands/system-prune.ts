import { prune } from '../../engine/system/prune.ts'
import { defineCommand } from '../command.ts'
import { confirm, parsePruneFilters, partialsKept, printPruned, pruneFlags } from '../prune.ts'

export const command = defineCommand({
  usage: 'system prune [OPTIONS]',
  summary:
    'Remove stopped containers, images without a name, build cache that only the cache keeps, and downloads that nobody has resumed for a week; others may pull, build and run meanwhile',
  flags: {
    all: {
      type: 'boolean',
      short: 'a',
      help: 'Remove all images that no container was made from, all build cache and all partial downloads',
    },
    volumes: { type: 'boolean', help: 'Accepted for docker; there are no anonymous volumes' },
    ...pruneFlags,
  },
  arity: [0, 0],
  examples: ['gantry system prune', "gantry system prune -af --filter 'until=24h'"],
  async run(context, _args, flags) {
    const now = context.now().getTime()
    const filter = parsePruneFilters(flags.filter, now)
    const all = flags.all === true
    const items = [
      'all stopped containers',
      ...(flags.volumes === true ? ['all anonymous volumes not used by at least one container'] : []),
      all ? 'all images without at least one container associated to them' : 'all dangling images',
      all ? 'all build cache' : 'unused build cache',
    ]
    const filters =
      flags.filter.length === 0
        ? ''
        : `\n  Items to be pruned will be filtered with:\n${flags.filter.map((text) => `  - ${text}\n`).join('')}`
    const warning = `WARNING! This will remove:\n${items.map((item) => `  - ${item}\n`).join('')}${filters}`
    await confirm(context, warning, flags.force, 'system prune')
    const pruned = await prune(context.engine, {
      containers: true,
      images: all ? 'all' : 'dangling',
      cache: all ? 'all' : 'unused',
      partialsBefore: all ? Infinity : now - partialsKept,
      filter,
      signal: context.signal,
    })
    await printPruned(context, pruned)
  },
})
