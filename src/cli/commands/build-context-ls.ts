import type { ContextEntry } from '../../engine/builds/report-context.ts'
import { contextFlags, openContext, rowOf, ruleText, shownPath } from '../build-context.ts'
import { defineCommand } from '../command.ts'
import { printRows } from '../rows.ts'

export const command = defineCommand({
  usage: 'build context ls [OPTIONS] [PATH | URL | -]',
  summary: `List the files that go into a build, how large they are, and which COPY or ADD takes them

What an ignore file leaves out is summed up by the rule that decided. Nothing is built or pulled.`,
  flags: {
    ...contextFlags,
    ignored: { type: 'boolean', short: 'i', help: 'List what is left out instead, with the rule that decided' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the paths' },
    size: { type: 'boolean', short: 's', help: 'Largest first' },
    unused: { type: 'boolean', help: 'Only what no COPY or ADD takes' },
  },
  arity: [0, 1],
  examples: [
    'gantry build context ls',
    'gantry build context ls --size --unused .',
    'gantry build context ls -i --format json app',
  ],
  async run(context, [path = '.'], flags) {
    const entries = await openContext(context, path, flags, async (report) => await report.list())
    const chosen = entries
      .filter((entry) => entry.ignored === (flags.ignored === true) && (flags.unused !== true || entry.takers.length === 0))
      .toSorted((a, b) => (flags.size === true ? b.size - a.size : 0))
    const { humanSize } = await import('../render/units.ts')
    if (flags.quiet === true) {
      context.write(chosen.map((entry) => `${shownPath(entry)}\n`).join(''))
      return
    }
    const last = flags.ignored === true ? { Rule: 'RULE' } : { TakenBy: 'TAKEN BY' }
    const rows = chosen.map((entry) => rowOf(entry, humanSize))
    await printRows(context, rows, { Size: 'SIZE', Path: 'PATH', ...last }, flags.format, headings)
    if (flags.format === undefined) context.write(`\n${summary(entries, humanSize)}`)
  },
})

const headings = { Kind: 'KIND', Files: 'FILES', Bytes: 'BYTES', Ignored: 'IGNORED', Rule: 'RULE', TakenBy: 'TAKEN BY' }

const summary = (entries: readonly ContextEntry[], human: (bytes: number) => string): string => {
  const total = (some: readonly ContextEntry[]): string => {
    const files = some.reduce((sum, one) => sum + one.files, 0)
    return `${files} ${files === 1 ? 'file' : 'files'}, ${human(some.reduce((sum, one) => sum + one.size, 0))}`
  }
  const inside = entries.filter(({ ignored }) => !ignored)
  const unused = inside.filter(({ takers }) => takers.length === 0)
  const byRule = Map.groupBy(
    entries.filter(({ ignored }) => ignored),
    ({ rules }) => {
      const rule = rules.at(-1)
      return rule === undefined ? '' : ruleText(rule)
    },
  )
  return [
    `In:       ${total(inside)}${unused.length === 0 ? '' : ` (no COPY or ADD takes ${total(unused)})`}\n`,
    ...[...byRule].map(([rule, some]) => `Left out: ${total(some)} by ${rule}\n`),
  ].join('')
}
