import { prune } from '../../engine/system/prune.ts'
import { defineCommand } from '../command.ts'
import { confirm, parsePruneFilters, printPruned, pruneFlags } from '../prune.ts'

export const command = defineCommand({
  usage: 'builder prune [OPTIONS]',
  summary: 'Forget the steps of builds whose layers nothing but the cache keeps',
  flags: {
    all: { type: 'boolean', short: 'a', help: 'Forget all steps, also those whose layers images have: they are built anew then' },
    ...pruneFlags,
    filter: { ...pruneFlags.filter, help: "Only what fits: 'until=24h', by when the layer was made" },
  },
  arity: [0, 0],
  examples: ['gantry builder prune', 'gantry builder prune -af'],
  async run(context, _args, flags) {
    const filter = parsePruneFilters(flags.filter, context.now().getTime())
    const all = flags.all === true
    const what = all ? 'all build cache' : 'all dangling build cache'
    await confirm(context, `WARNING! This will remove ${what}.`, flags.force, 'builder prune')
    await printPruned(context, await prune(context.engine, { cache: all ? 'all' : 'unused', filter, signal: context.signal }))
  },
})
