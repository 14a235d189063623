import { prune } from '../../engine/system/prune.ts'
import { defineCommand } from '../command.ts'
import { confirm, parsePruneFilters, partialsKept, printPruned, pruneFlags } from '../prune.ts'

export const command = defineCommand({
  usage: 'image prune [OPTIONS]',
  summary:
    'Remove images without a name, and downloads that nobody has resumed for a week; others may pull, build and run meanwhile',
  flags: {
    all: {
      type: 'boolean',
      short: 'a',
      help: 'Remove all images that no container was made from, not only those without a name',
    },
    ...pruneFlags,
  },
  arity: [0, 0],
  examples: ['gantry image prune', "gantry image prune -af --filter 'until=24h'"],
  async run(context, _args, flags) {
    const now = context.now().getTime()
    let all = flags.all === true
    const filter = parsePruneFilters(flags.filter, now, { dangling: (value) => void (all = value === 'false' || value === '0') })
    const what = all ? 'all images without at least one container associated to them' : 'all dangling images'
    await confirm(context, `WARNING! This will remove ${what}.`, flags.force, 'image prune')
    const images = all ? 'all' : 'dangling'
    await printPruned(
      context,
      await prune(context.engine, { images, filter, partialsBefore: now - partialsKept, signal: context.signal }),
    )
  },
})
