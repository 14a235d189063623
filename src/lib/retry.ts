import { setTimeout as sleep } from 'node:timers/promises'
import { throwIfAborted } from './errors.ts'
import type { Abortable } from './bytes.ts'

export interface RetryOptions extends Abortable {
  /** Calls in all, the first included. Default 5. */
  readonly attempts?: number
  /** Milliseconds before the second call; doubles each time, with jitter, up to `maxDelay`. Default 250. */
  readonly delay?: number
  /** Default 10,000 ms. A longer wait asked for by the other side (`after`) is honoured up to `maxAfter`. */
  readonly maxDelay?: number
  readonly maxAfter?: number
  /** Whether this error is worth another call, and the wait in milliseconds that the other side asked for. */
  readonly retryable: (error: unknown) => boolean | { readonly after: number }
  /** Asked after each failure: true if the call came further than the one before, so that the count and the waits begin anew. */
  readonly progressed?: () => boolean
  readonly onRetry?: (error: unknown, wait: number, attempt: number) => void
}

/** Calls until it succeeds, the error is final, or the attempts are used up; the last error is thrown as it is. */
export const retry = async <T>(call: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> => {
  const { attempts = 5, delay = 250, maxDelay = 10_000, maxAfter = 120_000 } = options
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(options.signal)
    try {
      return await call(attempt)
    } catch (error) {
      if (options.progressed?.() === true) attempt = 1
      const verdict = attempt < attempts ? options.retryable(error) : false
      if (verdict === false) throw error
      const backoff = Math.min(maxDelay, delay * 2 ** (attempt - 1)) * (0.75 + Math.random() * 0.5)
      const wait = verdict === true ? backoff : Math.max(0, verdict.after)
      if (wait > maxAfter) throw error
      options.onRetry?.(error, wait, attempt)
      await sleep(wait, undefined, { signal: options.signal }).catch(() => throwIfAborted(options.signal))
    }
  }
}
