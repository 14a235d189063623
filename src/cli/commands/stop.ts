import { stopContainer } from '../../engine/containers/stop.ts'
import { GantryError } from '../../lib/errors.ts'
import { defineCommand } from '../command.ts'
import { forEachName } from '../for-each-name.ts'

export const command = defineCommand({
  usage: 'stop [OPTIONS] CONTAINER [CONTAINER...]',
  summary: "Stop running containers: the image's stop signal, then SIGKILL after a time",
  flags: {
    signal: { type: 'string', short: 's', help: 'Signal to send first' },
    time: { type: 'string', short: 't', value: 'int', help: 'Seconds before SIGKILL (default 10)' },
  },
  arity: [1, Infinity],
  examples: ['gantry stop brisk_derrick', 'gantry stop -t 1 web'],
  async run(context, names, flags) {
    const seconds = Number(flags.time ?? 10)
    if (!Number.isFinite(seconds))
      throw new GantryError(
        'invalid_argument',
        'USAGE',
        `invalid argument "${flags.time}" for "-t, --time" flag: it must be a number`,
      )
    return await forEachName(
      context,
      'stop',
      names,
      async (name) =>
        await stopContainer(context.engine, name, { seconds, ...(flags.signal === undefined ? {} : { signal: flags.signal }) }),
    )
  },
})
