import { posix } from 'node:path'
import { GantryError } from '../../lib/errors.ts'
import type { RunInstruction } from '../dockerfile/instruction.ts'
import { parseMount, type MountOptions } from '../dockerfile/parse-mount.ts'
import type { RunMount, Vertex } from '../graph.ts'
import { filesAsLayer } from './begin-stage.ts'
import { expandWord, type StageContext } from './stage-context.ts'
import type { StageState } from './stage-state.ts'

/** The mounts of a RUN, and the vertices that their files come from: the second input of the step and those after it. */
export const planMounts = async (
  state: StageState,
  context: StageContext,
  instruction: RunInstruction,
): Promise<{ readonly mounts: readonly RunMount[]; readonly sources: readonly Vertex[] }> => {
  const sources: Vertex[] = []
  const inputOf = async (options: MountOptions): Promise<number> => {
    const { from, target } = options
    const source = from === '' ? context.context : await context.sourceOf(instruction, from, target)
    // what is no layer becomes one: a step must not see what .dockerignore keeps out, nor change anything
    const isLayer = !['context', 'git', 'http'].includes(source.op.kind)
    const vertex = isLayer ? source : filesAsLayer(source, posix.join('/', options.source), instruction)
    const known = sources.findIndex((one) => one.digest === vertex.digest)
    return 1 + (known < 0 ? sources.push(vertex) - 1 : known)
  }
  const mounts: RunMount[] = []
  let agents = 0
  for (const text of instruction.mounts) {
    const options = parseMount(text, (word) => expandWord(state, context, word))
    const { type, from, readOnly, size } = options
    if (type === 'secret') mounts.push(secretMount(options))
    else if (type === 'ssh') mounts.push(agentMount(options, agents++))
    else {
      const target = targetOf(state, options)
      const path = posix.join('/', options.source)
      if (type === 'tmpfs') mounts.push({ kind: 'tmpfs', target, size, readOnly })
      else if (type === 'bind') mounts.push({ kind: 'bind', target, input: await inputOf(options), path, readOnly })
      else mounts.push({ ...cacheMount(options, target, path), ...(from === '' ? {} : { input: await inputOf(options) }) })
    }
  }
  return { mounts, sources }
}

/** Relative targets are below the working folder. */
const targetOf = (state: StageState, { target }: MountOptions): string => {
  const path = posix.resolve('/', state.config.WorkingDir || '/', target)
  if (path !== '/') return path
  throw new GantryError('invalid_argument', 'MOUNT_TARGET', `invalid mount target "${path}"`)
}

const cacheMount = (options: MountOptions, target: string, path: string): RunMount => {
  const { id, sharing = 'shared', mode, uid, gid, readOnly } = options
  const own = mode === undefined && uid === undefined && gid === undefined
  return {
    kind: 'cache',
    target,
    id: id === '' ? posix.normalize(options.target).replace(/(.)\/$/, '$1') : id,
    sharing,
    path,
    ...(own ? {} : { attributes: { mode: mode ?? 0o755, uid: uid ?? 0, gid: gid ?? 0 } }),
    readOnly,
  }
}

const secretMount = (options: MountOptions): RunMount => {
  const { source, target, required, env, mode = 0o400, uid = 0, gid = 0 } = options
  const id = source || options.id || posix.basename(target)
  const place = target !== '' ? target : env === undefined ? `/run/secrets/${posix.basename(id)}` : undefined
  return {
    kind: 'secret',
    id,
    required,
    ...(place === undefined ? {} : { target: posix.resolve('/', place) }),
    ...(env === undefined ? {} : { env: env || id }),
    mode: mode & 0o777,
    uid,
    gid,
  }
}

const agentMount = ({ id, target, required, mode = 0o600, uid = 0, gid = 0 }: MountOptions, index: number): RunMount => ({
  kind: 'ssh',
  id: id || 'default',
  required,
  target: posix.resolve('/', target || `/run/buildkit/ssh_agent.${index}`),
  mode: mode & 0o777,
  uid,
  gid,
})
