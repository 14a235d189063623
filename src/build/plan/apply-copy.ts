import { posix } from 'node:path'
import { parseChmod } from '../copy/chmod.ts'
import { expand } from '../dockerfile/expand.ts'
import type { AddInstruction, CopyInstruction } from '../dockerfile/instruction.ts'
import { createVertex, type CopyOp, type Vertex } from '../graph.ts'
import { redactSources } from '../sources/redact-sources.ts'
import { copyInputs } from './copy-inputs.ts'
import { lookupIn } from './environment.ts'
import { expandWord, stepText, type StageContext } from './stage-context.ts'
import { withHistory, type StageState } from './stage-state.ts'

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
  const destination = word(instruction.destination)
  const inline = instruction.inline.map(({ name, content, expand: wanted }) => ({
    name,
    content: wanted ? expand(content, lookupIn(state.variables), { literalQuotes: true }).text : content,
  }))
  const parents = !isAdd && instruction.parents
  const { from, vertices } = await copyInputs(context, instruction, sources)
  const op: CopyOp = {
    kind: 'copy',
    from: [...from, ...inline.map((one) => ({ kind: 'inline', ...one }) as const)],
    destination: absolute(state, destination),
    ...(chown === '' ? {} : { chown }),
    ...(chmod === '' ? {} : { chmod }),
    // as written: BuildKit expands no variables in it
    exclude: instruction.exclude,
    // BuildKit does so too
    link: instruction.link && chmod === '',
  }
  const inputs: readonly Vertex[] = [state.files, ...vertices]
  const files = createVertex(op, inputs, {
    label: context.label(redactSources(stepText(state, context, instruction.text))),
    source: instruction.range,
  })
  const words = [
    instruction.kind.toUpperCase(),
    ...(parents ? ['--parents'] : []),
    ...(chown === '' ? [] : [`--chown=${chown}`]),
    ...(chmod === '' ? [] : [`--chmod=${chmod}`]),
    ...sources.map(redactSources),
    ...inline.map(({ name }) => `<<${name}`),
    destination,
  ]
  return withHistory({ ...state, files }, `${words.join(' ')} # buildkit`, true)
}

/** The destination as an absolute path that keeps what its end says: `/` and `/.` mean a folder. */
const absolute = (state: StageState, destination: string): string => {
  const given = destination === '' || destination === '.' ? './' : destination
  const path = posix.resolve('/', state.config.WorkingDir ?? '', given)
  return /(?:^|\/)\.?$/.test(given) && path !== '/' ? `${path}/` : path
}
