import { parseArgs } from 'node:util'
import { GantryError } from '../lib/errors.ts'

/** One flag of a command, as docker's help shows it. `list` may be given several times. */
export interface FlagSpec {
  readonly type: 'boolean' | 'string' | 'list'
  readonly short?: string
  /** What the help calls the value; `string` and `list` when absent. */
  readonly value?: string
  readonly help: string
}

export type Flags = Readonly<Record<string, FlagSpec>>

/** The parsed values of a set of flags, by the flag's long name. */
export type FlagValues<F extends Flags> = {
  readonly [K in keyof F]: F[K]['type'] extends 'boolean'
    ? boolean | undefined
    : F[K]['type'] extends 'list'
      ? readonly string[]
      : string | undefined
}

export interface Parsed<F extends Flags> {
  readonly values: FlagValues<F>
  readonly args: readonly string[]
}

const usage = (message: string): GantryError => new GantryError('invalid_argument', 'USAGE', message)

const parseBoolean = (raw: string, text: string): boolean => {
  if (['true', '1', 't', 'T', 'TRUE', 'True'].includes(text)) return true
  if (['false', '0', 'f', 'F', 'FALSE', 'False'].includes(text)) return false
  throw usage(`invalid argument "${text}" for "${raw}" flag: it must be true or false`)
}

/**
 * Parses as docker's command line does: `--flag value`, `--flag=value`, `-f value`, `-fvalue`, `-it`, `--flag=false`, `--` ends.
 * With `firstPositionalEnds` everything from the first argument on is passed through (`run IMAGE cmd -x`). Errors have code USAGE.
 */
export const parseFlags = <F extends Flags>(flags: F, args: readonly string[], firstPositionalEnds = false): Parsed<F> => {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      Object.entries(flags).map(([name, flag]) => [
        name,
        {
          type: flag.type === 'boolean' ? ('boolean' as const) : ('string' as const),
          multiple: true,
          ...(flag.short === undefined ? {} : { short: flag.short }),
        },
      ]),
    ),
  })
  const values: Record<string, boolean | string | string[] | undefined> = {}
  for (const [name, flag] of Object.entries(flags)) values[name] = flag.type === 'list' ? [] : undefined
  const rest: string[] = []
  for (const token of tokens) {
    if (token.kind === 'option-terminator') {
      if (!firstPositionalEnds) continue
      return { values: values as FlagValues<F>, args: args.slice(token.index + 1) }
    }
    if (token.kind === 'positional') {
      if (firstPositionalEnds) return { values: values as FlagValues<F>, args: args.slice(token.index) }
      rest.push(token.value)
      continue
    }
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
    const long = token.rawName.startsWith('--')
    if (flag === undefined || (!long && flag.short !== token.rawName.slice(1)))
      throw usage(
        long
          ? `unknown flag: ${token.rawName}`
          : `unknown shorthand flag: '${token.rawName.slice(1)}' in ${args[token.index] ?? token.rawName}`,
      )
    if (flag.type === 'boolean') {
      values[token.name] = token.value === undefined ? true : parseBoolean(token.rawName, token.value)
      continue
    }
    if (token.value === undefined) throw usage(`flag needs an argument: ${token.rawName}`)
    const value = !long && token.inlineValue && token.value.startsWith('=') ? token.value.slice(1) : token.value
    const list = values[token.name]
    if (Array.isArray(list)) list.push(value)
    else values[token.name] = value
  }
  return { values: values as FlagValues<F>, args: rest }
}

/** The `Options:` part of a command's help. */
export const flagsHelp = (flags: Flags): string => {
  const rows = Object.entries(flags)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => {
      const value = flag.type === 'boolean' ? '' : ` ${flag.value ?? (flag.type === 'list' ? 'list' : 'string')}`
      return [`  ${flag.short === undefined ? '   ' : `-${flag.short},`} --${name}${value}`, flag.help] as const
    })
  const width = Math.max(0, ...rows.map(([left]) => left.length)) + 3
  return rows.map(([left, help]) => `${left.padEnd(width)}${help}`).join('\n')
}
