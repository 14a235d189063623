import type { CommandSpec } from './command.ts'
import { commandForms, findCommand } from './commands.ts'
import { globalFlags } from './context.ts'
import type { Flags } from './flags.ts'
import { progressModes } from './render/progress/create-progress.ts'

/** What may stand next in a command line, and what it is. */
export interface Candidate {
  readonly text: string
  readonly summary?: string
}

/** What a place in a command line takes that only the store or the file system knows. */
export type Kind = 'images' | 'containers' | 'files'

export interface Completion {
  readonly candidates: readonly Candidate[]
  readonly kinds: readonly Kind[]
}

const nothing: Completion = { candidates: [], kinds: [] }
const words = (...texts: readonly string[]): Completion => ({ candidates: texts.map((text) => ({ text })), kinds: [] })

/** Values that flags of these names take, whatever the command. */
const flagValues: Readonly<Record<string, readonly string[]>> = {
  platform: ['linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/386', 'linux/ppc64le', 'linux/riscv64', 'linux/s390x'],
  progress: progressModes,
  pull: ['always', 'missing', 'never'],
  network: ['host', 'none'],
  'storage-driver': ['erofs', 'folder'],
  sort: ['version', 'name', 'created', 'pushed'],
  type: ['image', 'container'],
  format: ['json', 'table'],
}

/** What may come as the last of the words after `gantry`, which is as far as it has been typed. */
export const complete = async (line: readonly string[]): Promise<Completion> => {
  const typed = line.slice(0, -1)
  const current = line.at(-1) ?? ''
  const start = skipFlags(globalFlags, typed)
  if (start.flag !== undefined) return valueOf(start.flag, globalFlags)
  const rest = typed.slice(start.at)
  const isHelp = rest[0] === 'help'
  const command = isHelp ? rest.slice(1) : rest
  const found = findCommand(command)
  if (found === undefined) return command.length === 0 && current.startsWith('-') ? flagsOf(globalFlags) : nextWord(command)
  if (isHelp) return nothing
  return inCommand((await found.load()).command, found.rest, current)
}

/** The next word of a command's name. */
const nextWord = (before: readonly string[]): Completion => {
  const prefix = before.length === 0 ? '' : `${before.join(' ')} `
  const next = new Map<string, string>()
  for (const [form, summary] of commandForms()) {
    if (!form.startsWith(prefix) || form.startsWith('__')) continue
    const [word = '', ...more] = form.slice(prefix.length).split(' ')
    if (!next.has(word)) next.set(word, more.length === 0 ? summary : `Commands that begin with ${prefix}${word}`)
  }
  return { candidates: [...next].map(([text, summary]) => ({ text, summary })), kinds: [] }
}

const inCommand = (command: CommandSpec, typed: readonly string[], current: string): Completion => {
  const flags = command.flags
  const { at, flag } = skipFlags(flags, typed, command.passThrough !== true)
  if (flag !== undefined) return valueOf(flag, flags)
  const inline = /^--([\w-]+)=/.exec(current)?.[1]
  if (inline !== undefined) {
    const { candidates } = valueOf(inline, flags)
    return { candidates: candidates.map(({ text }) => ({ text: `--${inline}=${text}` })), kinds: [] }
  }
  // behind `run IMAGE` everything is the container's
  const args = argumentsOf(flags, typed, command.passThrough === true, at)
  if (current.startsWith('-') && !(command.passThrough === true && args > 0)) return flagsOf(flags)
  return argument(command.usage, args)
}

/** The place behind flags and their values, and the flag whose value comes next if there is one. With `all` arguments are passed over too. */
const skipFlags = (flags: Flags, typed: readonly string[], all = false): { readonly at: number; readonly flag?: string } => {
  let at = 0
  while (at < typed.length) {
    const word = typed[at] ?? ''
    if (word === '--' || (!word.startsWith('-') && !all)) return { at }
    const flag = word.includes('=') ? undefined : takesValue(flags, word)
    at += flag === undefined ? 1 : 2
    if (flag !== undefined && at > typed.length) return { at: typed.length, flag }
  }
  return { at: Math.min(at, typed.length) }
}

/** The name of the flag if it is one whose value is the next word. */
const takesValue = (flags: Flags, word: string): string | undefined => {
  if (!/^-\w|^--\w/.test(word)) return undefined
  const last = word.at(-1)
  const found = Object.entries(flags).find(([name, flag]) => (word.startsWith('--') ? word === `--${name}` : flag.short === last))
  return found === undefined || found[1].type === 'boolean' ? undefined : found[0]
}

/** How many arguments have been typed. */
const argumentsOf = (flags: Flags, typed: readonly string[], passThrough: boolean, end: number): number => {
  if (passThrough) return typed.length - end
  let count = 0
  for (let at = 0; at < typed.length; at++) {
    const word = typed[at] ?? ''
    if (!word.startsWith('-') || word === '-') count++
    else if (!word.includes('=') && takesValue(flags, word) !== undefined) at++
  }
  return count
}

const flagsOf = (flags: Flags): Completion => ({
  candidates: [
    ...Object.entries(flags).map(([name, { help }]) => ({ text: `--${name}`, summary: help })),
    ...(Object.hasOwn(flags, 'help') ? [] : [{ text: '--help', summary: 'Show the help' }]),
  ],
  kinds: [],
})

const valueOf = (name: string, flags: Flags): Completion => {
  const values = Object.hasOwn(flagValues, name) ? flagValues[name] : undefined
  if (values !== undefined) return words(...values)
  return /FILE|DIR|PATH|SOURCE/.test(flags[name]?.value ?? '') || name === 'file' ? { candidates: [], kinds: ['files'] } : nothing
}

/** What the usage says of an argument, counted from 0; the last one may be repeated. */
const argument = (usage: string, index: number): Completion => {
  const places = usage
    .replace(/\[OPTIONS\]/, '')
    .split(/\s+(?!\|)/)
    .filter((word) => /[A-Z]/.test(word) || word.startsWith('bash|'))
  const repeated = places.at(-1)?.includes('...') === true
  const place = places[index] ?? (repeated ? places.at(-1) : undefined)
  if (place === undefined) return nothing
  if (/^[a-z|]+$/.test(place)) return words(...place.split('|'))
  const kinds: Kind[] = []
  if (/CONTAINER|NAME\|ID/.test(place)) kinds.push('containers')
  if (/IMAGE|NAME|REPOSITORY/.test(place)) kinds.push('images')
  if (/FILE|PATH/.test(place)) kinds.push('files')
  return { candidates: [], kinds }
}
