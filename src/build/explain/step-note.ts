import { isDigest } from '../../oci/digest.ts'

/** What a step depended on, as its executor tells it: compared with the last build's to say what is different. */
export type StepFacts = Readonly<Record<string, unknown>>

/** What is kept of one step of a build until the next one. */
export interface StepNote {
  /** As in the label: `build` of `[build 2/5] RUN make`; '' where a stage has no name. */
  readonly stage: string
  readonly position: number
  /** The instruction, without its number. */
  readonly text: string
  /** The line in the Dockerfile; 0 for what has none. */
  readonly line: number
  readonly kind: string
  readonly facts: StepFacts
  /** The diffId of its layer, or the digest of an image; absent where it failed. */
  readonly result?: string
  readonly outcome: 'ran' | 'cached' | 'failed'
  /** Why it was done; nothing for one that was not. */
  readonly reasons: readonly string[]
}

/** Splits a label into what numbers the step and its instruction. */
export const parseLabel = (label: string): Pick<StepNote, 'stage' | 'position' | 'text'> => {
  const [, stage = '', position = '0', text = ''] = /^\[(?:(.*) )?\s*(\d+)\/\d+\] ([^]*)$/.exec(label) ?? ['', '', '0', label]
  return { stage: stage.trimEnd(), position: Number(position), text }
}

/** A label as people read it. */
export const formatLabel = ({ stage, position, text }: Pick<StepNote, 'stage' | 'position' | 'text'>): string =>
  position === 0 ? text : `[${stage === '' ? '' : `${stage} `}${position}] ${text}`

/** A note out of a file that anybody may have written; undefined if it is none. */
export const readNote = (value: unknown): StepNote | undefined => {
  if (typeof value !== 'object' || value === null) return undefined
  const { stage, position, text, line, kind, facts, result, outcome, reasons } = value as Partial<StepNote>
  if (typeof stage !== 'string' || typeof text !== 'string' || typeof kind !== 'string') return undefined
  if (!Number.isSafeInteger(position) || !Number.isSafeInteger(line) || typeof facts !== 'object' || facts === null)
    return undefined
  if (outcome !== 'ran' && outcome !== 'cached' && outcome !== 'failed') return undefined
  if (!Array.isArray(reasons) || !reasons.every((one) => typeof one === 'string')) return undefined
  const known = typeof result === 'string' && isDigest(result) ? { result } : {}
  return { stage, position: position ?? 0, text, line: line ?? 0, kind, facts, outcome, reasons, ...known }
}
