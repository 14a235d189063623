import { posix } from 'node:path'
import { GantryError } from '../../lib/errors.ts'
import { signalNumber } from '../../runtime/signals.ts'
import { expand } from '../dockerfile/expand.ts'
import type { ArgInstruction, Instruction, KeyValue } from '../dockerfile/instruction.ts'
import { createVertex } from '../graph.ts'
import { applyCopy } from './apply-copy.ts'
import { applyRun, commandWords } from './apply-run.ts'
import { lookupIn, withVariable } from './environment.ts'
import { healthcheckText, plainList, quotedList } from './history-text.ts'
import { parseExposedPort } from './ports.ts'
import { expandWord, stepText, type StageContext } from './stage-context.ts'
import { withConfig, withHistory, type StageState } from './stage-state.ts'

type Of<K extends Instruction['kind']> = Extract<Instruction, { kind: K }>

/** The state of a stage after one more instruction (BuildKit's dispatch). Errors are `invalid_argument` without a place. */
export const applyInstruction = async (
  state: StageState,
  context: StageContext,
  instruction: Instruction,
): Promise<StageState> => {
  const word = (text: string): string => expandWord(state, context, text)
  switch (instruction.kind) {
    case 'add':
    case 'copy':
      return await applyCopy(state, context, instruction)
    case 'run':
      return await applyRun(state, context, instruction)
    case 'workdir':
      return applyWorkdir(state, context, instruction)
    case 'arg':
      return applyArg(state, context, instruction)
    case 'env':
      return applyEnv(state, expandPairs(instruction.pairs, word))
    case 'label': {
      const pairs = expandPairs(instruction.pairs, word)
      const labels = Object.fromEntries(pairs.map(({ key, value }) => [key, value]))
      return withHistory(withConfig(state, { Labels: { ...state.config.Labels, ...labels } }), `LABEL ${pairsText(pairs)}`)
    }
    case 'cmd':
      return applyCmd(state, instruction)
    case 'entrypoint':
      return applyEntrypoint(state, instruction)
    case 'expose': {
      const ports = instruction.ports
        .flatMap((one) => expand(one, lookupIn(state.variables), { escape: context.escape }).words)
        .flatMap(parseExposedPort)
      const exposed = { ...state.config.ExposedPorts, ...setOf(ports) }
      return withHistory(withConfig(state, { ExposedPorts: exposed }), `EXPOSE ${plainList(ports)}`)
    }
    case 'volume': {
      const volumes = instruction.volumes.map(word)
      if (volumes.includes('')) throw invalid('VOLUME specified can not be an empty string')
      return withHistory(
        withConfig(state, { Volumes: { ...state.config.Volumes, ...setOf(volumes) } }),
        `VOLUME ${plainList(volumes)}`,
      )
    }
    case 'user': {
      const user = word(instruction.user)
      return withHistory(withConfig(state, { User: user }), `USER ${user}`)
    }
    case 'stopsignal': {
      const signal = word(instruction.signal)
      signalNumber(signal)
      return withHistory(withConfig(state, { StopSignal: signal }), `STOPSIGNAL ${signal}`)
    }
    case 'shell':
      return withHistory(withConfig(state, { Shell: instruction.shell }), `SHELL ${plainList(instruction.shell)}`)
    case 'healthcheck':
      return withHistory(
        withConfig(state, { Healthcheck: instruction.check }),
        `HEALTHCHECK ${healthcheckText(instruction.check)}`,
      )
    case 'maintainer':
      return withHistory({ ...state, author: instruction.maintainer }, `MAINTAINER ${instruction.maintainer}`)
    case 'onbuild':
      return withConfig(state, { OnBuild: [...(state.config.OnBuild ?? []), instruction.expression] })
  }
}

const invalid = (reason: string): GantryError => new GantryError('invalid_argument', 'INSTRUCTION_INVALID', reason)

const setOf = (words: readonly string[]): Readonly<Record<string, object>> => Object.fromEntries(words.map((one) => [one, {}]))

/** All pairs of an instruction see the variables as they were before it. */
const expandPairs = (pairs: readonly KeyValue[], word: (text: string) => string): readonly KeyValue[] =>
  pairs.map(({ key, value }) => ({ key: word(key), value: word(value) }))

const pairsText = (pairs: readonly KeyValue[]): string => pairs.map(({ key, value }) => `${key}=${value}`).join(' ')

const applyEnv = (state: StageState, pairs: readonly KeyValue[]): StageState => {
  let { variables } = state
  const env = [...(state.config.Env ?? [])]
  for (const { key, value } of pairs) {
    variables = withVariable(variables, key, value)
    const at = env.findIndex((one) => one === key || one.startsWith(`${key}=`))
    env.splice(at < 0 ? env.length : at, 1, `${key}=${value}`)
  }
  return withHistory(withConfig({ ...state, variables }, { Env: env }), `ENV ${pairsText(pairs)}`)
}

/** Options of the build for attestations, which no step sees. */
const scanOptions: ReadonlySet<string> = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'])

/** A build argument's value comes from the command line, else from the ARG, else from the ARG of that name before the first FROM. */
const applyArg = (state: StageState, context: StageContext, instruction: ArgInstruction): StageState => {
  let { variables } = state
  const args = instruction.args.map(({ key, value }) => {
    const given = Object.hasOwn(context.buildArguments, key) ? context.buildArguments[key] : undefined
    // a default that is not used may be as wrong as it likes
    const own = (): string | undefined =>
      value === undefined ? context.globalArguments.get(key) : expand(value, lookupIn(variables), { escape: context.escape }).text
    const chosen = given ?? own()
    if (chosen !== undefined && !scanOptions.has(key)) variables = withVariable(variables, key, chosen)
    return { key, ...(chosen === undefined ? {} : { value: chosen }) }
  })
  const text = args.map(({ key, value }) => (value === undefined ? key : `${key}=${value}`)).join(' ')
  return withHistory({ ...state, variables, declared: [...state.declared, ...args] }, `ARG ${text}`)
}

/** `CMD []` takes back what the base image has. */
const applyCmd = (state: StageState, instruction: Of<'cmd' | 'entrypoint'>): StageState => {
  const words = commandWords(state, instruction.command)
  const { Cmd: _cmd, ...rest } = state.config
  const config = { ...rest, ...(words.length === 0 ? {} : { Cmd: words }), ArgsEscaped: true }
  return withHistory({ ...state, cmdSet: true, config }, `CMD ${quotedList(words)}`)
}

/** ENTRYPOINT takes back the CMD of the base image, but not one that was set in the same stage. */
const applyEntrypoint = (state: StageState, instruction: Of<'cmd' | 'entrypoint'>): StageState => {
  const words = commandWords(state, instruction.command)
  const { Cmd: cmd, Entrypoint: _entrypoint, ...rest } = state.config
  const config = {
    ...rest,
    ...(state.cmdSet && cmd !== undefined ? { Cmd: cmd } : {}),
    ...(words.length === 0 ? {} : { Entrypoint: words }),
  }
  return withHistory({ ...state, config }, `ENTRYPOINT ${quotedList(words)}`)
}

const applyWorkdir = (state: StageState, context: StageContext, instruction: Of<'workdir'>): StageState => {
  const path = posix.resolve('/', state.config.WorkingDir ?? '', expandWord(state, context, instruction.path))
  const moved = withConfig(state, { WorkingDir: path })
  if (path === '/') return withHistory(moved, `WORKDIR ${path}`)
  const op = { kind: 'folder', path, user: state.config.User ?? '' } as const
  const facts = { label: context.label(stepText(state, context, instruction.text)), source: instruction.range }
  return withHistory({ ...moved, files: createVertex(op, [state.files], facts) }, `WORKDIR ${path}`, true)
}
