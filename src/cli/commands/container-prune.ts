import { prune } from '../../engine/system/prune.ts'
import { defineCommand } from '../command.ts'
import { confirm, parsePruneFilters, printPruned, pruneFlags } from '../prune.ts'

export const command = defineCommand({
  usage: 'container prune [OPTIONS]',
  summary: 'Remove all containers that do not run',
  flags: pruneFlags,
  arity: [0, 0],
  examples: ['gantry container prune', "gantry container prune -f --filter 'until=24h'"],
  async run(context, _args, flags) {
    const filter = parsePruneFilters(flags.filter, context.now().getTime())
    await confirm(context, 'WARNING! This will remove all stopped containers.', flags.force, 'container prune')
    await printPruned(context, await prune(context.engine, { containers: true, filter, signal: context.signal }))
  },
})
