import { GantryError } from '../../lib/errors.ts'
import type { CommandLine, FromInstruction, Instruction } from './instruction.ts'
import type { LogicalLine } from './lines.ts'
import { parseStringArray } from './string-array.ts'
import { splitBlanks } from './text.ts'

/** An instruction taken apart as far as all kinds have it in common. */
export interface InstructionRequest {
  /** In upper case. */
  readonly command: string
  readonly flags: readonly string[]
  /** The arguments as text, without blanks around them. */
  readonly rest: string
  readonly escape: string
  readonly line: LogicalLine
}

type Distribute<T> = T extends unknown ? Omit<T, 'name' | 'text' | 'range' | 'comments'> : never
/** What the parser of one kind adds to what all instructions have. */
export type Parsed<K extends string = string> = Distribute<Extract<Instruction | FromInstruction, { kind: K }>>

/** A refusal in BuildKit's words; the caller adds the place. */
export const invalid = (reason: string): GantryError => new GantryError('invalid_argument', 'INSTRUCTION_INVALID', reason)

export const atLeastOne = (command: string): GantryError => invalid(`${command} requires at least one argument`)
export const exactlyOne = (command: string): GantryError => invalid(`${command} requires exactly one argument`)

/** The arguments of ADD, COPY and VOLUME: a JSON array, or words without quotes. */
export const listArguments = (rest: string): readonly string[] => {
  const parsed = arrayOrText(rest)
  if (typeof parsed !== 'string') return parsed
  return parsed === '' ? [] : splitBlanks(parsed)
}

/** A JSON array of strings, or the text itself where it is none. */
export const arrayOrText = (rest: string): readonly string[] | string => {
  const parsed = parseStringArray(rest)
  if (parsed !== undefined) return parsed
  throw invalid('when using JSON array syntax, arrays must be comprised of strings only')
}

/** RUN's, CMD's, ENTRYPOINT's arguments: JSON is the exec form, anything else is for the shell. */
export const commandLine = (rest: string): CommandLine => {
  const parsed = arrayOrText(rest)
  return typeof parsed === 'string' ? { form: 'shell', command: parsed } : { form: 'exec', args: parsed }
}
