import type { Instruction } from '../dockerfile/instruction.ts'
import { expand } from '../dockerfile/expand.ts'
import type { ContextOp, ExecOp, Vertex } from '../graph.ts'
import type { Entitlement } from '../run-options.ts'
import { lookupIn, type Variables } from './environment.ts'
import type { StageState } from './stage-state.ts'

/** What the instructions of a stage see besides the stage's own state. */
export interface StageContext {
  readonly escape: string
  /** Platform arguments and the ARGs before the first FROM. */
  readonly globalArguments: Variables
  readonly buildArguments: Readonly<Record<string, string>>
  readonly proxy: readonly string[]
  /** Of RUN steps that do not say. */
  readonly network: ExecOp['network']
  readonly extraHosts: readonly string[]
  readonly context: Vertex<ContextOp>
  /** What steps may have that the sandbox keeps from them. */
  readonly allow: ReadonlySet<Entitlement>
  readonly ulimits: readonly string[]
  /** Bytes; 0 for the usual size. */
  readonly shmSize: number
  /** The files that `COPY --from` names, or `RUN --mount=from=` at a target. */
  sourceOf(instruction: Pick<Instruction, 'range'>, from: string, target?: string): Promise<Vertex>
  /** The label of the next step. */
  label(text: string): string
}

/** Expands one word of an instruction with the variables of the stage. */
export const expandWord = (state: StageState, context: StageContext, word: string): string =>
  expand(word, lookupIn(state.variables), { escape: context.escape }).text

/** An instruction as progress shows it: its name in upper case, variables expanded where that works. */
export const stepText = (state: StageState, context: StageContext, text: string, rawQuotes = false): string => {
  const shown = expandQuietly(state, context, text, rawQuotes)
  const space = shown.search(/\s/)
  return space < 0 ? shown.toUpperCase() : shown.slice(0, space).toUpperCase() + shown.slice(space)
}

const expandQuietly = (state: StageState, context: StageContext, text: string, raw: boolean): string => {
  try {
    return expand(text, lookupIn(state.variables), { escape: context.escape, rawQuotes: raw, keepUnset: raw }).text
  } catch {
    return text
  }
}

/** Numbers the steps of one stage: `[name 2/4] text`. */
export const stepLabels = (stage: string, total: number): ((text: string) => string) => {
  const width = String(total).length
  let count = 0
  return (text) => {
    if (total === 0) return text
    count++
    return `[${stage === '' ? '' : `${stage} `}${String(count).padStart(width)}/${total}] ${text}`
  }
}
