import { GantryError } from '../../lib/errors.ts'
import type { ExecutionConfig } from '../../oci/image-config.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { atSourceAsync, parseDockerfile } from '../dockerfile/parse-dockerfile.ts'
import { createVertex } from '../graph.ts'
import { applyInstruction } from './apply-instruction.ts'
import { variablesOf } from './environment.ts'
import type { StageContext } from './stage-context.ts'
import type { StageState } from './stage-state.ts'

/** Instructions that only change the config: those that docker's `import --change` and `commit --change` take. */
const allowed: ReadonlySet<string> = new Set([
  'cmd',
  'entrypoint',
  'env',
  'expose',
  'healthcheck',
  'label',
  'onbuild',
  'stopsignal',
  'user',
  'volume',
  'workdir',
])

/** A config after Dockerfile instructions that are given one by one. Any other instruction is `invalid_argument`. */
export const applyChanges = async (
  config: ExecutionConfig,
  changes: readonly string[],
  platform: Platform,
): Promise<ExecutionConfig> => {
  if (changes.length === 0) return config
  for (const change of changes) checkAllowed(/^\s*(\S*)/.exec(change)?.[1] ?? '')
  const dockerfile = parseDockerfile(['FROM scratch', ...changes].join('\n'), '--change')
  const context = createVertex({ kind: 'context' }, [], { label: 'context' })
  const stage: StageContext = {
    escape: '\\',
    globalArguments: new Map(),
    buildArguments: {},
    proxy: [],
    network: 'none',
    extraHosts: [],
    allow: new Set(),
    ulimits: [],
    shmSize: 0,
    context,
    label: (text) => text,
    sourceOf: () => Promise.resolve(context),
  }
  let state: StageState = {
    stage: '0',
    files: createVertex({ kind: 'scratch' }, [], { label: 'FROM scratch' }),
    platform,
    config,
    history: [],
    base: { os: platform.os, architecture: platform.architecture },
    variables: variablesOf(config.Env ?? []),
    declared: [],
    cmdSet: false,
  }
  for (const instruction of dockerfile.stages.flatMap((one) => one.instructions)) {
    // one text may hold several lines
    checkAllowed(instruction.kind)
    const before = state
    state = await atSourceAsync(instruction.range, async () => await applyInstruction(before, stage, instruction))
  }
  return state.config
}

const checkAllowed = (instruction: string): void => {
  if (allowed.has(instruction.toLowerCase())) return
  throw new GantryError(
    'invalid_argument',
    'CHANGE_INVALID',
    `Cannot apply a change: ${instruction.toUpperCase().slice(0, 100)} is not a valid change command`,
    { hint: `${[...allowed].join(', ').toUpperCase()} are` },
  )
}
