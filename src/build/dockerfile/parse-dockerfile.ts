import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { ArgInstruction, Dockerfile, FromInstruction, Instruction, Stage } from './instruction.ts'
import { readLines, type LogicalLines } from './lines.ts'
import { parseInstruction } from './parse-instruction.ts'
import { sourceError, type SourceRange } from './source.ts'

/** The error with a place in a Dockerfile, if it has none yet and is one of ours. */
const placed = (error: unknown, range: SourceRange): unknown => {
  if (!isGantryError(error) || error.kind === 'canceled' || isPlaced(error)) return error
  return sourceError(range, error.code, error.message, {
    kind: error.kind,
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  })
}

const isPlaced = ({ detail }: GantryError): boolean => typeof detail === 'object' && detail !== null && 'excerpt' in detail

/** Runs `work`; an error that has no place in a Dockerfile yet gets this one. */
export const atSource = <T>(range: SourceRange, work: () => T): T => {
  try {
    return work()
  } catch (error) {
    throw placed(error, range)
  }
}

export const atSourceAsync = async <T>(range: SourceRange, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw placed(error, range)
  }
}

/** Is told of what is read before anything that follows is refused. */
export interface ParseObserver {
  lines(lines: LogicalLines): void
  instruction(instruction: Instruction | FromInstruction): void
}

/** Parses a Dockerfile (Dockerfile reference, syntax 1.26). `invalid_argument` with a `SourceDetail` for what BuildKit refuses. */
export const parseDockerfile = (text: string, name = 'Dockerfile', observer?: ParseObserver): Dockerfile => {
  const refuse = (reason: string): GantryError =>
    new GantryError('invalid_argument', 'DOCKERFILE_EMPTY', `Cannot build "${name}": ${reason}`)
  if (text === '') throw refuse('the Dockerfile cannot be empty')
  const read = readLines(text, name)
  const { file, directives, lines } = read
  if (lines.length === 0) throw refuse('file with no instructions')
  observer?.lines(read)
  const args: ArgInstruction[] = []
  const stages: { from: FromInstruction; instructions: Instruction[] }[] = []
  for (const line of lines) {
    const instruction = atSource(line.range, () => parseInstruction(line, directives.escape))
    observer?.instruction(instruction)
    const stage = stages.at(-1)
    if (instruction.kind === 'from') stages.push({ from: instruction, instructions: [] })
    else if (stage !== undefined) stage.instructions.push(instruction)
    else if (instruction.kind === 'arg') args.push(instruction)
    else
      throw sourceError(line.range, 'NO_STAGE', 'no build stage in current context', {
        hint: 'begin with FROM; only ARG may stand before it',
      })
  }
  if (stages.length === 0) throw refuse('dockerfile contains no stages to build')
  return {
    file,
    ...directives,
    args,
    stages: stages.map((stage, index): Stage => ({ index, ...stage })),
  }
}

/** Parses the triggers that an image brings (ONBUILD); they stand where the FROM is that brought them. */
export const parseTrigger = (expression: string, range: SourceRange): Instruction =>
  atSource(range, () => {
    const { lines, directives } = readLines(expression, 'ONBUILD')
    const [line, ...more] = lines
    if (line === undefined || more.length > 0)
      throw new GantryError('invalid_argument', 'TRIGGER_INVALID', 'onbuild trigger should be a single expression')
    const instruction = parseInstruction({ ...line, range }, directives.escape)
    if (instruction.kind === 'from' || instruction.kind === 'onbuild' || instruction.kind === 'maintainer')
      throw new GantryError(
        'invalid_argument',
        'TRIGGER_INVALID',
        `${instruction.kind.toUpperCase()} isn't allowed as an ONBUILD trigger`,
      )
    return instruction
  })
