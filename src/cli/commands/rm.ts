import { removeContainer } from '../../engine/containers/remove.ts'
import { defineCommand } from '../command.ts'
import { forEachName } from '../for-each-name.ts'

export const command = defineCommand({
  usage: 'rm [OPTIONS] CONTAINER [CONTAINER...]',
  summary: 'Remove one or more containers and what they wrote',
  flags: {
    force: {
      type: 'boolean',
      short: 'f',
      help: 'Kill a running container first (SIGKILL); a container that is not there is no error',
    },
    volumes: { type: 'boolean', short: 'v', help: 'Accepted for docker' },
  },
  arity: [1, Infinity],
  examples: ['gantry rm brisk_derrick', 'gantry rm -f $(gantry ps -aq)'],
  async run(context, names, flags) {
    return await forEachName(
      context,
      'rm',
      names,
      async (name) => await removeContainer(context.engine, name, { force: flags.force === true }),
    )
  },
})
