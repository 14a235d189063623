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
  const values: Values = {}
  for (const [name, flag] of Object.entries(flags)) values[name] = flag.type === 'list' ? [] : undefined
  const rest: string[] = []
  let at = 0
  while (at < args.length) {
    const word = args[at] ?? ''
    if (word === '--') {
      at++
      break
    }
    if (word.startsWith('--')) at += setLong(flags, values, word, args[at + 1])
    else if (word.startsWith('-') && word !== '-') at += setShort(flags, values, word, args[at + 1])
    else {
      if (firstPositionalEnds) break
      rest.push(word)
      at++
    }
  }
  return { values: values as FlagValues<F>, args: [...rest, ...args.slice(at)] }
}

type Values = Record<string, boolean | string | string[] | undefined>

/** `--name` or `--name=value`; answers how many words that took. */
const setLong = (flags: Flags, values: Values, word: string, next: string | undefined): number => {
  const [shown = ''] = word.split('=', 1)
  const name = shown.slice(2)
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
  if (flag === undefined) throw usage(`unknown flag: ${shown}`)
  const inline = shown.length < word.length ? word.slice(shown.length + 1) : undefined
  return setValue(values, { name, flag, shown }, inline, next)
}

/** `-a`, `-abc`, `-ovalue`, `-o=value`; answers how many words that took. */
const setShort = (flags: Flags, values: Values, word: string, next: string | undefined): number => {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? ''
    const entry = Object.entries(flags).find(([, flag]) => flag.short === letter)
    if (entry === undefined) throw usage(`unknown shorthand flag: '${letter}' in ${word}`)
    const [name, flag] = entry
    const tail = word.slice(at + 1)
    if (flag.type === 'boolean' && !tail.startsWith('=')) values[name] = true
    else return setValue(values, { name, flag, shown: `-${letter}` }, tail === '' ? undefined : tail.replace(/^=/, ''), next)
  }
  return 1
}

const setValue = (
  values: Values,
  { name, flag, shown }: { readonly name: string; readonly flag: FlagSpec; readonly shown: string },
  inline: string | undefined,
  next: string | undefined,
): number => {
  if (flag.type === 'boolean') {
    values[name] = inline === undefined ? true : parseBoolean(shown, inline)
    return 1
  }
  const value = inline ?? next
  if (value === undefined) throw usage(`flag needs an argument: ${shown}`)
  const list = values[name]
  if (Array.isArray(list)) list.push(value)
  else values[name] = value
  return inline === undefined ? 2 : 1
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
