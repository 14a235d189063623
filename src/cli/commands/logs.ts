import { containerLogs } from '../../engine/containers/logs.ts'
import { GantryError } from '../../lib/errors.ts'
import { defineCommand } from '../command.ts'
import { parseTime } from '../time.ts'

export const command = defineCommand({
  usage: 'logs [OPTIONS] CONTAINER',
  summary: 'Show what a container has written to standard output and standard error',
  flags: {
    follow: { type: 'boolean', short: 'f', help: 'Go on as the container writes' },
    since: { type: 'string', help: 'Only what is newer: a time (2026-01-02T13:23:37Z) or an age (42m)' },
    tail: { type: 'string', short: 'n', help: 'Number of lines from the end (default all)' },
    timestamps: { type: 'boolean', short: 't', help: 'Show the time of each line' },
    until: { type: 'string', help: 'Only what is older: a time or an age' },
  },
  arity: [1, 1],
  examples: ['gantry logs brisk_derrick', 'gantry logs -f --tail 20 web'],
  async run(context, [name = ''], flags) {
    const tail = flags.tail === undefined || flags.tail === 'all' ? undefined : Number(flags.tail)
    if (tail !== undefined && !Number.isInteger(tail))
      throw new GantryError(
        'invalid_argument',
        'USAGE',
        `invalid argument "${flags.tail}" for "-n, --tail" flag: it must be a number or 'all'`,
      )
    const now = context.now().getTime()
    const lines = await containerLogs(context.engine, name, {
      follow: flags.follow === true,
      timestamps: flags.timestamps === true,
      signal: context.signal,
      ...(tail === undefined ? {} : { tail }),
      ...(flags.since === undefined ? {} : { since: parseTime(flags.since, now).getTime() }),
      ...(flags.until === undefined ? {} : { until: parseTime(flags.until, now).getTime() }),
    })
    for await (const line of lines) {
      const stream = line.stream === 'stderr' ? context.stderr : context.stdout
      if (!stream.write(line.bytes)) await new Promise((resolve) => stream.once('drain', resolve))
    }
  },
})
