import { posix } from 'node:path'
import { GantryError } from '../../lib/errors.ts'
import { parseChmod } from '../copy/chmod.ts'
import { expand } from '../dockerfile/expand.ts'
import type { AddInstruction, CopyInstruction } from '../dockerfile/instruction.ts'
import { createVertex, type CopyFrom, type CopyOp, type Vertex } from '../graph.ts'
import { lookupIn } from './environment.ts'
import { expandWord, stepText, type StageContext } from './stage-context.ts'
import { withHistory, type StageState } from './stage-state.ts'

const refuse = (reason: string): GantryError => new GantryError('invalid_argument', 'COPY_INVALID', reason)

/** COPY and ADD: one vertex, one layer. */
export const applyCopy = async (
  state: StageState,
  context: StageContext,
  instruction: AddInstruction | CopyInstruction,
): Promise<StageState> => {
  const word = (text: string): string => expandWord(state, context, text)
  const isAdd = instruction.kind === 'add'
  const chown = instruction.chown === undefined ? '' : word(instruction.chown)
  const chmod = instruction.chmod === undefined ? '' : word(instruction.chmod)
  if (chmod !== '') parseChmod(chmod)
  const sources = instruction.sources.map(word)
  checkSources(instruction, sources)
  const destination = word(instruction.destination)
  const inline = instruction.inline.map(({ name, content, expand: wanted }) => ({
    name,
    content: wanted ? expand(content, lookupIn(state.variables), { literalQuotes: true }).text : content,
  }))
  const parents = !isAdd && instruction.parents
  const source = isAdd || instruction.from === undefined ? context.context : await context.sourceOf(instruction, instruction.from)
  const op: CopyOp = {
    kind: 'copy',
    from: [...sources.map((path) => fromInput(path, parents)), ...inline.map((one) => ({ kind: 'inline', ...one }) as const)],
    destination: absolute(state, destination),
    ...(chown === '' ? {} : { chown }),
    ...(chmod === '' ? {} : { chmod }),
    exclude: instruction.exclude,
    unpack: isAdd && (instruction.unpack ?? true),
  }
  const inputs: readonly Vertex[] = sources.length === 0 ? [state.files] : [state.files, source]
  const files = createVertex(op, inputs, {
    label: context.label(stepText(state, context, instruction.text)),
    source: instruction.range,
  })
  const words = [
    instruction.kind.toUpperCase(),
    ...(parents ? ['--parents'] : []),
    ...(chown === '' ? [] : [`--chown=${chown}`]),
    ...(chmod === '' ? [] : [`--chmod=${chmod}`]),
    ...sources,
    ...inline.map(({ name }) => `<<${name}`),
    destination,
  ]
  return withHistory({ ...state, files }, `${words.join(' ')} # buildkit`, true)
}

/** `--parents` keeps the folders of the source, from the pivot `/./` on if there is one. */
const fromInput = (path: string, parents: boolean): CopyFrom => {
  if (!parents) return { kind: 'input', index: 1, path }
  const pivot = path.indexOf('/./')
  const pattern = posix.normalize(`/${pivot < 0 ? path : path.slice(pivot + 3)}`)
  return { kind: 'input', index: 1, path: pivot < 0 ? '/' : path.slice(0, pivot), include: [pattern.slice(1).replace(/\/$/, '')] }
}

/** The destination as an absolute path that keeps what its end says: `/` and `/.` mean a folder. */
const absolute = (state: StageState, destination: string): string => {
  const given = destination === '' || destination === '.' ? './' : destination
  const path = posix.resolve(state.config.WorkingDir || '/', given)
  return /(?:^|\/)\.?$/.test(given) && path !== '/' ? `${path}/` : path
}

const isUrl = (source: string): boolean => /^https?:\/\//.test(source)
const isGit = (source: string): boolean =>
  /^(?:git|ssh):\/\//.test(source) || /^git@[^/:]+:/.test(source) || (isUrl(source) && /\.git(?:#|\?|$)/.test(source))

const checkSources = (instruction: AddInstruction | CopyInstruction, sources: readonly string[]): void => {
  const remote = sources.find((source) => isUrl(source) || isGit(source))
  if (instruction.kind === 'copy') {
    if (remote !== undefined)
      throw refuse(isGit(remote) ? "source can't be a git ref for COPY" : "source can't be a URL for COPY")
    return
  }
  if (instruction.checksum !== undefined && instruction.checksum !== '') {
    if (sources.length !== 1) throw refuse("checksum can't be specified for multiple sources")
    if (remote === undefined) throw refuse('checksum requires HTTP(S) or Git sources')
  }
  if (remote === undefined) return
  throw new GantryError(
    'unsupported',
    'ADD_REMOTE',
    `ADD of "${remote.replace(/[?#].*$/, '')}": sources that are not local are not supported yet`,
    {
      hint: 'fetch it in a RUN step, or before the build',
    },
  )
}
