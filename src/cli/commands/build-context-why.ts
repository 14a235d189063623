import { isAbsolute, relative, resolve } from 'node:path'
import { existsSync } from 'node:fs'
import type { ContextEntry, ContextReport } from '../../engine/builds/report-context.ts'
import { contextFlags, openContext, rowOf, ruleText, shownPath } from '../build-context.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  usage: 'build context why [OPTIONS] PATH...',
  summary: `Say why files go into a build or not: which rule of which ignore file decides, and which COPY or ADD takes them

Paths are relative to the context, or to the current folder if it has them.`,
  flags: {
    ...contextFlags,
    context: { type: 'string', short: 'c', value: 'PATH', help: 'The context (default: the current folder)' },
    format: { type: 'string', help: "Format the output: 'json' or a Go template" },
  },
  arity: [1, Infinity],
  examples: [
    'gantry build context why node_modules src/app.ts',
    'gantry build context why -c app -f app/Dockerfile.dev app/.env',
  ],
  async run(context, paths, flags) {
    const root = flags.context ?? '.'
    const found = await openContext(context, root, flags, async (report) => {
      const all: (readonly [path: string, entry: ContextEntry | undefined])[] = []
      for (const path of paths) all.push([path, await lookUp(report, path, context.folder, root)])
      return all
    })
    for (const [path, entry] of found)
      if (entry === undefined) context.warn(`Cannot find "${path}" in the build context "${root}"`)
    const entries = found.flatMap(([, entry]) => entry ?? [])
    const { humanSize } = await import('../render/units.ts')
    if (flags.format === undefined) context.write(entries.map((entry) => explanation(entry, humanSize)).join('\n'))
    else {
      const { formatRows } = await import('../render/format.ts')
      const rows = entries.map((entry) => rowOf(entry, humanSize))
      context.write(formatRows(flags.format, rows, {}))
    }
    return entries.length === found.length ? 0 : 1
  },
})

/** As a path of the context, else as one of the current folder that is in the context. */
const lookUp = async (report: ContextReport, path: string, folder: string, root: string): Promise<ContextEntry | undefined> => {
  const full = resolve(folder, path)
  const inside = relative(resolve(folder, root), full)
  const isInside = inside !== '' && !inside.startsWith('..') && !isAbsolute(inside)
  if (isAbsolute(path)) return isInside ? await report.why(inside) : undefined
  return (await report.why(path)) ?? (isInside && existsSync(full) ? await report.why(inside) : undefined)
}

const explanation = (entry: ContextEntry, human: (bytes: number) => string): string => {
  const { kind, size, files, ignored, rules, takers } = entry
  const what =
    kind === 'folder' ? `folder, ${files} ${files === 1 ? 'file' : 'files'}, ${human(size)}` : `${kind}, ${human(size)}`
  const last = rules.at(-1)
  const partly = kind === 'folder' && !ignored && last !== undefined && !last.pattern.startsWith('!')
  const verdict = ignored ? 'left out' : partly ? 'left out but for what rules take back' : 'goes in'
  const lines = [`${shownPath(entry)} (${what}): ${verdict}`]
  if (last === undefined) lines.push('  no rule matches it')
  for (const rule of rules) {
    const verb = rule.pattern.startsWith('!') ? 'taken back' : 'left out'
    lines.push(`  ${verb} by ${ruleText(rule)}${rule.matched === entry.path ? '' : `, which matches ${rule.matched}/`}`)
  }
  for (const { file, line, text, destination } of takers)
    lines.push(`  taken by ${file}:${line} ${text}`, `    to ${destination}`)
  if (!ignored && takers.length === 0 && kind !== 'folder') lines.push('  no COPY or ADD takes it')
  return `${lines.join('\n')}\n`
}
