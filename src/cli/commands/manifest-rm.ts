import { needOwnList, removeList } from '../../engine/manifests/manifest-list.ts'
import { defineCommand } from '../command.ts'
import { describeError } from '../report-error.ts'

export const command = defineCommand({
  usage: 'manifest rm MANIFEST_LIST [MANIFEST_LIST...]',
  summary: 'Remove manifest lists from this machine; their images stay',
  flags: {},
  arity: [1, Infinity],
  examples: ['gantry manifest rm localhost:5000/app:1'],
  async run(context, names) {
    let status = 0
    for (const name of names) {
      try {
        await removeList(context.engine, await needOwnList(context.engine, name))
      } catch (error) {
        status = 1
        context.warn(describeError(error, false, 'manifest rm'))
      }
    }
    return status
  },
})
