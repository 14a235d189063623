import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, throwIfAborted } from '../../lib/errors.ts'
import { humanSize } from '../../lib/human-size.ts'
import type { SourceServices } from '../interfaces.ts'

export const sourceLimit = ({ limit = 32 * 1024 ** 3 }: SourceServices): number => limit

/** Runs `work` with a signal that also aborts when a source has taken too long. `what` is shown: without secrets. */
export const withinTime = async <T>(
  what: string,
  { timeout = 2 * 60 * 60 * 1000 }: SourceServices,
  { signal }: Abortable,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> => {
  const timer = AbortSignal.timeout(timeout)
  try {
    return await work(signal === undefined ? timer : AbortSignal.any([signal, timer]))
  } catch (error) {
    throwIfAborted(signal)
    if (!timer.aborted) throw error
    throw new GantryError('unavailable', 'SOURCE_TIMEOUT', `Cannot fetch "${what}": it took more than ${timeout / 1000} s`, {
      cause: error,
    })
  }
}

export const tooLarge = (what: string, limit: number): GantryError =>
  new GantryError('resource_exhausted', 'SOURCE_TOO_LARGE', `Cannot fetch "${what}": it has more than ${humanSize(limit)}`)
