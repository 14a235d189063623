import { containerLogs } from '../../engine/containers/logs.ts'
import { GantryError } from '../../lib/errors.ts'
import { defineCommand } from '../command.ts'

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

/** docker's times: RFC 3339, Unix seconds, or an age such as 1h30m. */
const parseTime = (text: string, now: number): Date => {
  if (/^\d+(\.\d+)?$/.test(text)) return new Date(Number(text) * 1000)
  const age = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text)
  if (age !== null && text !== '')
    return new Date(now - (Number(age[1] ?? 0) * 3600 + Number(age[2] ?? 0) * 60 + Number(age[3] ?? 0)) * 1000)
  const time = Date.parse(text)
  if (Number.isNaN(time))
    throw new GantryError('invalid_argument', 'USAGE', `invalid time "${text}"`, {
      hint: 'give a time such as 2026-01-02T13:23:37Z or an age such as 42m',
    })
  return new Date(time)
}
