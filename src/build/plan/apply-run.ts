import { posix } from 'node:path'
import { GantryError } from '../../lib/errors.ts'
import { heredocText, parseHeredocMark } from '../dockerfile/heredoc.ts'
import type { CommandLine, RunInstruction } from '../dockerfile/instruction.ts'
import { createVertex, type ExecOp, type RunMount } from '../graph.ts'
import { withVariable, type Variables } from './environment.ts'
import { planMounts } from './plan-mounts.ts'
import { stepText, type StageContext } from './stage-context.ts'
import { withHistory, type StageState } from './stage-state.ts'

const defaultShell = ['/bin/sh', '-c']

/** The words of a command: the shell form becomes an argument of the stage's shell. */
export const commandWords = (state: StageState, command: CommandLine): readonly string[] => {
  if (command.form === 'exec') return command.args
  const { Shell: shell } = state.config
  return [...(shell === undefined || shell === null || shell.length === 0 ? defaultShell : shell), command.command]
}

/** RUN: one vertex, one layer. */
export const applyRun = async (state: StageState, context: StageContext, instruction: RunInstruction): Promise<StageState> => {
  checkAllowed(instruction, context)
  const { args, scripts } = withHeredocs(state, instruction)
  if (args.length === 0) throw new GantryError('invalid_argument', 'RUN_EMPTY', 'RUN requires a command')
  const summary = instruction.heredocs.length > 0 && isLoneHeredoc(instruction) ? ` (${firstLine(instruction)})` : ''
  const { mounts, sources } = await planMounts(state, context, instruction)
  const op: ExecOp = {
    kind: 'exec',
    args,
    env: [...withAgent(state.variables, mounts)].map(([name, value]) => `${name}=${value}`),
    cwd: state.config.WorkingDir || '/',
    user: state.config.User ?? '',
    network: instruction.network === 'default' ? context.network : instruction.network,
    extraHosts: context.extraHosts,
    platform: state.platform,
    scripts,
    mounts,
    security: instruction.security,
    ulimits: context.ulimits,
    shmSize: context.shmSize,
    proxy: context.proxy,
  }
  const files = createVertex(op, [state.files, ...sources], {
    label: context.label(stepText(withMaskedSecrets(state, mounts), context, instruction.text + summary, true)),
    source: instruction.range,
    arguments: argumentNames(state),
  })
  return withHistory({ ...state, files }, `RUN ${[...declaredWords(state), ...args].join(' ')} # buildkit`, true)
}

/** What the sandbox keeps from steps is only for builds that were told to give it. */
const checkAllowed = ({ network, security }: RunInstruction, { allow }: StageContext): void => {
  const wanted = security === 'insecure' ? 'security.insecure' : network === 'host' ? 'network.host' : undefined
  if (wanted === undefined || allow.has(wanted)) return
  throw new GantryError('permission_denied', 'ENTITLEMENT', `${wanted} is not allowed`, {
    hint: `build with --allow ${wanted} if you trust this Dockerfile`,
  })
}

/** The agent's socket, unless the stage says where one is. */
const withAgent = (variables: Variables, mounts: readonly RunMount[]): Variables => {
  const agent = mounts.find((mount) => mount.kind === 'ssh')
  return agent === undefined || variables.has('SSH_AUTH_SOCK')
    ? variables
    : withVariable(variables, 'SSH_AUTH_SOCK', agent.target)
}

/** As progress shows variables that hold secrets. */
const withMaskedSecrets = (state: StageState, mounts: readonly RunMount[]): StageState => {
  let { variables } = state
  for (const mount of mounts)
    if (mount.kind === 'secret' && mount.env !== undefined) variables = withVariable(variables, mount.env, '****')
  return { ...state, variables }
}

const isLoneHeredoc = ({ command }: RunInstruction): boolean =>
  command.form === 'shell' && parseHeredocMark(command.command) !== undefined

const firstLine = ({ heredocs }: RunInstruction): string => {
  const [line = '', ...more] = (heredocs[0]?.content ?? '').trim().split(/\r?\n/)
  return more.length > 0 ? `${line}...` : line
}

/**
 * A step that is nothing but one heredoc runs its text: as a script where it begins with `#!`, else in the shell. Any others are
 * given back to the shell, as they stand.
 */
const withHeredocs = (state: StageState, instruction: RunInstruction): Pick<ExecOp, 'args' | 'scripts'> => {
  const { command, heredocs } = instruction
  const [first] = heredocs
  if (command.form === 'exec' || first === undefined) return { args: commandWords(state, command), scripts: [] }
  if (!isLoneHeredoc(instruction)) {
    const text = [command.command, ...heredocs.map(({ name, content }) => content + name)].join('\n')
    return { args: commandWords(state, { form: 'shell', command: text }), scripts: [] }
  }
  const content = heredocText({ ...first, expand: false })
  if (!content.startsWith('#!')) return { args: commandWords(state, { form: 'shell', command: content }), scripts: [] }
  const path = posix.join('/dev/pipes', first.name.replaceAll('/', '_').replace(/^\.+$/, '_'))
  return { args: [path], scripts: [{ path, content }] }
}

/** The variables that come from ARG and not from ENV. */
const argumentNames = ({ declared, config }: StageState): readonly string[] => {
  const fixed = new Set((config.Env ?? []).map((one) => one.replace(/=[^]*$/, '')))
  return [...new Set(declared.map(({ key }) => key))].filter((key) => !fixed.has(key))
}

/** `|2 A=1 B=2`: the build arguments that were declared before a RUN, as docker's history shows them. */
const declaredWords = ({ declared, variables }: StageState): readonly string[] => {
  const values = new Map<string, string>()
  for (const { key, value } of declared) values.set(key, variables.get(key) ?? value ?? '')
  return values.size === 0 ? [] : [`|${values.size}`, ...[...values].map(([key, value]) => `${key}=${value}`)]
}
