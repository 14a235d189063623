import { isGantryError } from '../lib/errors.ts'
import type { SourceRange } from './dockerfile/source.ts'
import type { LintWarning } from './lint/linter.ts'

/**
 * What a build reports. `id` tells steps apart: a vertex's digest, or a name for what is no vertex; `label` is what users read:
 * `[build 2/5] RUN make`. Each step is `started` once and then `cached`, `done`, `failed` or `canceled`; logs and statuses come
 * between. Events bear no times: whoever shows them has a clock.
 */
export type BuildEvent =
  | { readonly kind: 'started'; readonly id: string; readonly label: string; readonly source?: SourceRange }
  /** The step's result was known; nothing was done. */
  | { readonly kind: 'cached'; readonly id: string; readonly label: string }
  | { readonly kind: 'done'; readonly id: string }
  | { readonly kind: 'failed'; readonly id: string; readonly error: unknown }
  /** Given up because another step failed, or because the build was aborted. */
  | { readonly kind: 'canceled'; readonly id: string }
  /** Output of the step, cut anywhere. */
  | { readonly kind: 'log'; readonly id: string; readonly stream: 'stdout' | 'stderr'; readonly bytes: Uint8Array }
  /** A part of a step: `name` says which, `done` ends it. `current` and `total` are bytes. */
  | {
      readonly kind: 'status'
      readonly id: string
      readonly name: string
      readonly current?: number
      readonly total?: number
      readonly done: boolean
    }
  /** Why a step that was known is done again, each reason in a few words. */
  | { readonly kind: 'explained'; readonly id: string; readonly reasons: readonly string[] }
  | { readonly kind: 'warning'; readonly message: string; readonly source?: SourceRange }
  /** A place in the Dockerfile that breaks a rule. */
  | { readonly kind: 'lint'; readonly warning: LintWarning }

export type OnBuildEvent = (event: BuildEvent) => void

/** Runs `work` as a step: `started` before, `done`, `failed` or `canceled` after, or `cached` where it answers so. */
export const reportStep = async <T>(
  onEvent: OnBuildEvent,
  step: { readonly id: string; readonly label: string; readonly source?: SourceRange | undefined },
  work: () => Promise<T>,
  isCached: (result: T) => boolean = () => false,
): Promise<T> => {
  const { id, label, source } = step
  onEvent({ kind: 'started', id, label, ...(source === undefined ? {} : { source }) })
  let result: T
  try {
    result = await work()
  } catch (error) {
    const canceled = isGantryError(error, 'canceled') || (error instanceof Error && error.name === 'AbortError')
    onEvent(canceled ? { kind: 'canceled', id } : { kind: 'failed', id, error })
    throw error
  }
  onEvent(isCached(result) ? { kind: 'cached', id, label } : { kind: 'done', id })
  return result
}

/** Runs `work` as a step that is no vertex. */
export const internalStep = <T>(onEvent: OnBuildEvent, label: string, work: (id: string) => Promise<T>): Promise<T> =>
  reportStep(onEvent, { id: `internal:${label}`, label }, () => work(`internal:${label}`))
