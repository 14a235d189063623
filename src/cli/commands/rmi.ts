import { collectUnused } from '../../engine/images/collect.ts'
import { removeImage } from '../../engine/images/remove.ts'
import { defineCommand } from '../command.ts'
import { describeError } from '../report-error.ts'

export const command = defineCommand({
  usage: 'rmi [OPTIONS] IMAGE [IMAGE...]',
  summary: 'Remove one or more images',
  flags: {
    force: { type: 'boolean', short: 'f', help: 'Remove the image though a stopped container uses it or it has several names' },
    'no-prune': { type: 'boolean', help: "Only take the names away: what they named stays until 'image prune' or the next rmi" },
  },
  arity: [1, Infinity],
  examples: ['gantry rmi hello:1', 'gantry rmi -f 3f1c'],
  async run(context, names, flags) {
    let failed = false
    let deleted = false
    for (const name of names) {
      try {
        const removed = await removeImage(context.engine, name, { force: flags.force === true, collect: false })
        for (const untagged of removed.untagged) context.print(`Untagged: ${untagged}`)
        if (removed.deleted === undefined) continue
        deleted = true
        context.print(`Deleted: ${removed.deleted}`)
      } catch (error) {
        failed = true
        context.warn(describeError(error, false, 'rmi'))
      }
    }
    // once for all of them
    if (deleted && flags['no-prune'] !== true) await collectUnused(context.engine)
    return failed ? 1 : 0
  },
})
