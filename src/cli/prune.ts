import { createInterface } from 'node:readline/promises'
import type { Pruned } from '../engine/system/prune.ts'
import type { PruneFilter } from '../engine/system/prune-filter.ts'
import { GantryError } from '../lib/errors.ts'
import type { CliContext } from './command.ts'
import { parseTime } from './time.ts'

// What docker's prune commands have in common.

export const pruneFlags = {
  filter: { type: 'list', value: 'filter', help: "Only what fits: 'until=24h', 'label=KEY[=VALUE]', 'label!=KEY[=VALUE]'" },
  force: { type: 'boolean', short: 'f', help: 'Do not ask' },
} as const

/** Milliseconds for which a download that broke off can be resumed. */
export const partialsKept = 7 * 24 * 3_600_000

const wrong = (message: string): GantryError => new GantryError('invalid_argument', 'USAGE', message)

/** Parses `--filter`s; `others` are further keys that the command knows, with their values handed on. */
export const parsePruneFilters = (
  texts: readonly string[],
  now: number,
  others: Readonly<Record<string, (value: string) => void>> = {},
): PruneFilter => {
  const filter: { until?: number; labels: PruneFilter['labels'] & object; notLabels: PruneFilter['notLabels'] & object } = {
    labels: [],
    notLabels: [],
  }
  for (const text of texts) {
    const at = text.indexOf('=')
    if (at < 0) throw wrong(`invalid argument "${text}" for "--filter" flag: invalid filter '${text}': it must be KEY=VALUE`)
    const key = text.slice(0, at).trim().toLowerCase()
    const value = text.slice(at + 1).trim()
    if (key === 'until') filter.until = Math.min(filter.until ?? Infinity, parseTime(value, now).getTime())
    else if (key === 'label') filter.labels = [...filter.labels, labelOf(value)]
    else if (key === 'label!') filter.notLabels = [...filter.notLabels, labelOf(value)]
    else if (Object.hasOwn(others, key)) others[key]?.(value)
    else throw wrong(`invalid filter '${key}'`)
  }
  return filter
}

const labelOf = (text: string): { readonly name: string; readonly value?: string } => {
  const at = text.indexOf('=')
  return at < 0 ? { name: text } : { name: text.slice(0, at), value: text.slice(at + 1) }
}

/** Warns and asks, unless forced: one line of standard input, be it a terminal or not; anything but y is no. */
export const confirm = async (context: CliContext, warning: string, force: boolean | undefined, what: string): Promise<void> => {
  if (force === true) return
  context.stdout.write(`${warning}\nAre you sure you want to continue? [y/N] `)
  if ((await readLine(context)).toLowerCase() === 'y') return
  throw new GantryError('failed_precondition', 'CANCELED', `${what} has been cancelled`)
}

const readLine = async (context: CliContext): Promise<string> => {
  const lines = createInterface({ input: context.stdin })
  try {
    for await (const line of lines) return line.trim()
    return ''
  } finally {
    lines.close()
    context.stdin.unref?.()
  }
}

/** Prints what went as docker does. */
export const printPruned = async (context: CliContext, pruned: Pruned): Promise<void> => {
  const { humanSize } = await import('./render/units.ts')
  const images = pruned.images.flatMap(({ untagged, deleted }) => [
    ...untagged.map((name) => `untagged: ${name}`),
    ...(deleted === undefined ? [] : [`deleted: ${deleted}`]),
  ])
  const section = (title: string, lines: readonly string[]): void => {
    if (lines.length > 0) context.print(`${title}:\n${lines.join('\n')}\n`)
  }
  section('Deleted Containers', pruned.containers)
  section('Deleted Images', images)
  section('Deleted build cache objects', pruned.cache)
  context.print(`Total reclaimed space: ${humanSize(pruned.reclaimed, 4)}`)
}
