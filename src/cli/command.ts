import type { Engine } from '../engine/engine.ts'
import { flagsHelp, type Flags, type FlagValues } from './flags.ts'

/** What a command works with; nothing in it touches the process but through this. */
export interface CliContext {
  readonly engine: Engine
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly folder: string
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Aborted by the first Ctrl-C, for commands that do not take it over; from the moment that it is asked for. */
  readonly signal: AbortSignal
  /** Leaves Ctrl-C and SIGTERM to the command. */
  releaseSignals(): void
  readonly now: () => Date
  /** Text of result on stdout, as it is. */
  write(text: string): void
  /** A line of result on stdout. */
  print(line: string): void
  /** A line of message on stderr. */
  warn(line: string): void
}

/** One command: `gantry NAME`, in a file of its own that is loaded when it is called. */
export interface CommandSpec<F extends Flags = Flags> {
  /** `pull [OPTIONS] NAME[:TAG|@DIGEST]`, without the program's name. */
  readonly usage: string
  readonly summary: string
  readonly flags: F
  /** Least and most arguments. */
  readonly arity: readonly [least: number, most: number]
  readonly examples: readonly string[]
  /** The first argument ends the flags (`run`). */
  readonly passThrough?: boolean
  /** Exit status of a failure of gantry itself; 1 when absent. */
  readonly failureStatus?: number
  /** Answers the exit status, 0 if nothing. */
  run(context: CliContext, args: readonly string[], flags: FlagValues<F>): Promise<number | void>
}

/** A command whose `run` knows the types of its own flags, as the one type that the table of commands holds. */
export const defineCommand = <const F extends Flags>(command: CommandSpec<F>): CommandSpec => command

/** The text of `gantry NAME --help`. */
export const commandHelp = (command: CommandSpec): string => {
  const parts = [`Usage:  gantry ${command.usage}`, command.summary]
  if (Object.keys(command.flags).length > 0) parts.push(`Options:\n${flagsHelp(command.flags)}`)
  parts.push(`Examples:\n${command.examples.map((example) => `  ${example}`).join('\n')}`)
  return parts.join('\n\n')
}
