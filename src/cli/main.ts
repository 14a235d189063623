import { GantryError, isGantryError } from '../lib/errors.ts'
import { commandHelp, type CommandSpec } from './command.ts'
import { findCommand, overview, similarCommands } from './commands.ts'
import { createContext, globalFlags } from './context.ts'
import { parseFlags } from './flags.ts'
import { describeError } from './report-error.ts'
import { standardStreams } from './standard-streams.ts'

export { isVerb } from './commands.ts'

const usageError = (message: string, hint: string): GantryError => new GantryError('invalid_argument', 'USAGE', message, { hint })

const streams = standardStreams()

const main = async (words: readonly string[]): Promise<number> => {
  const global = parseFlags(globalFlags, words, true)
  const [first] = global.args
  if (global.values.version === true) return await main(['version'])
  if (first === undefined || first === 'help' || (global.values.help === true && first === undefined)) {
    const topic = findCommand(global.args.slice(1))
    streams.write('stdout', `${topic === undefined ? overview() : commandHelp((await topic.load()).command)}\n`)
    return 0
  }
  const found = findCommand(global.args)
  if (found === undefined) {
    const similar = similarCommands(first)
    const hint =
      similar.length === 0
        ? "run 'gantry --help' for the commands"
        : `did you mean ${similar.map((name) => `'gantry ${name}'`).join(' or ')}?`
    throw usageError(`unknown command: gantry ${first}`, hint)
  }
  const command = (await found.load()).command
  const failureStatus = command.failureStatus ?? 1
  try {
    if (wantsHelp(command, found.rest)) {
      streams.write('stdout', `${commandHelp(command)}\n`)
      return 0
    }
    const { values, args } = parseFlags(command.flags, found.rest, command.passThrough)
    const [least, most] = command.arity
    if (args.length < least || args.length > most)
      throw usageError(`'gantry ${found.name}' ${arityText(least, most)}`, `usage: gantry ${command.usage}`)
    const context = createContext({ ...global.values, ...ownRegistryFlags(values) }, streams)
    await using _engine = context.engine
    return (await command.run(context, args, values)) ?? 0
  } catch (error) {
    streams.write('stderr', `${describeError(error, global.values.debug === true, found.name)}\n`)
    return exitStatusOf(error, failureStatus)
  }
}

/** The flags about registries that a command has of its own: given there, they count for it. */
const ownRegistryFlags = (
  values: Readonly<Record<string, unknown>>,
): { readonly 'tls-verify'?: boolean; readonly 'plain-http'?: boolean } => ({
  ...(values['insecure'] === true ? { 'tls-verify': false } : {}),
  ...(typeof values['tls-verify'] === 'boolean' ? { 'tls-verify': values['tls-verify'] } : {}),
  ...(typeof values['plain-http'] === 'boolean' ? { 'plain-http': values['plain-http'] } : {}),
})

/** `--help` anywhere among a command's own flags. */
const wantsHelp = (command: CommandSpec, words: readonly string[]): boolean => {
  const end = command.passThrough === true ? words.findIndex((word) => !word.startsWith('-')) : words.indexOf('--')
  return (end < 0 ? words : words.slice(0, end)).includes('--help')
}

/** Exit statuses that say more than a command's own: bad usage, a canceled command, a program that a container does not have. */
const exitStatusOf = (error: unknown, failureStatus: number): number => {
  if (!isGantryError(error)) return failureStatus
  if (error.code === 'USAGE') return failureStatus === 1 ? 2 : failureStatus
  if (error.code === 'EXEC_NOT_FOUND') return 127
  if (error.code === 'EXEC_NOT_EXECUTABLE') return 126
  return error.kind === 'canceled' ? 130 : failureStatus
}

const arityText = (least: number, most: number): string => {
  const count = (n: number): string => `${n} argument${n === 1 ? '' : 's'}`
  if (most === 0) return 'accepts no arguments'
  if (least === most) return `requires ${count(least)}`
  return most === Infinity ? `requires at least ${count(least)}` : `requires ${least} to ${count(most)}`
}

/** Called when nothing is left that could end the command: a mistake, which must not look like success. */
const stuck = (): void => {
  const error = new Error('Cannot go on: nothing is left to wait for')
  streams.write('stderr', `${describeError(error, process.argv.includes('--debug'))}\n`)
  process.exitCode = 1
}

/** Runs a command line to its end and sets the exit status of the process. */
export const start = async (words: readonly string[]): Promise<void> => {
  process.once('beforeExit', stuck)
  try {
    process.exitCode = await main(words)
  } catch (error) {
    streams.write('stderr', `${describeError(error, words.includes('--debug'))}\n`)
    process.exitCode = exitStatusOf(error, 1)
  } finally {
    process.off('beforeExit', stuck)
  }
}

/** Ends the process after `start`: at once, since taking everything in it apart takes milliseconds, if nothing is left to write. */
export const leave = (): void => {
  if (streams.isFlushed()) process.exit()
}
