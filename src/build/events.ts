import type { Digest } from '../oci/digest.ts'
import type { SourceRange } from './dockerfile/source.ts'

/** Names a step in the events of one build: a vertex's digest, or a name for what is no vertex. */
export type StepId = Digest | `internal:${string}`

/**
 * What a build reports. Each step is `started` once and then `cached`, `completed` or `failed`; logs and statuses come between.
 * Events bear no times: whoever shows them has a clock.
 */
export type BuildEvent =
  | { readonly kind: 'started'; readonly step: StepId; readonly name: string; readonly source?: SourceRange }
  | { readonly kind: 'cached' | 'completed'; readonly step: StepId }
  | { readonly kind: 'failed'; readonly step: StepId; readonly error: unknown }
  | { readonly kind: 'log'; readonly step: StepId; readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }
  /** Part of a step: `text` names it, `done` ends it. `current` and `total` are bytes. */
  | {
      readonly kind: 'status'
      readonly step: StepId
      readonly text: string
      readonly current?: number
      readonly total?: number
      readonly done: boolean
    }
  | { readonly kind: 'warning'; readonly message: string; readonly source?: SourceRange }

export type OnBuildEvent = (event: BuildEvent) => void

/** Runs `work` as a step with events of its own. */
export const internalStep = async <T>(onEvent: OnBuildEvent, name: string, work: (step: StepId) => Promise<T>): Promise<T> => {
  const step: StepId = `internal:${name}`
  onEvent({ kind: 'started', step, name })
  try {
    const result = await work(step)
    onEvent({ kind: 'completed', step })
    return result
  } catch (error) {
    onEvent({ kind: 'failed', step, error })
    throw error
  }
}
