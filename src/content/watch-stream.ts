import type { Abortable, ByteStream } from '../lib/bytes.ts'
import { throwIfAborted } from '../lib/errors.ts'
import { keepVerified } from './verify.ts'

export interface WatchOptions extends Abortable {
  /** Called with the bytes handed on so far. */
  readonly onProgress?: (bytes: number) => void
  /** Called once the stream has ended, not after an error. */
  readonly onEnd?: () => void
  /** Called when the stream itself fails. */
  readonly onError?: () => void
}

/**
 * The same bytes, with reports. It ends with the signal's reason as soon as that is aborted, even where the stream itself would
 * wait for ever.
 */
export const watchStream = (stream: ByteStream, options: WatchOptions): ByteStream => {
  const source = stream[Symbol.asyncIterator]()
  const { signal, onProgress, onEnd, onError } = options
  let seen = 0
  let refuse: ((error: unknown) => void) | undefined
  const abort = (): void => {
    try {
      throwIfAborted(signal)
    } catch (error) {
      refuse?.(error)
    }
  }
  signal?.addEventListener('abort', abort)
  const end = (): void => signal?.removeEventListener('abort', abort)
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    const step = await new Promise<IteratorResult<Uint8Array, unknown>>((resolve, reject) => {
      refuse = reject
      if (signal?.aborted === true) return abort()
      source.next().then(resolve, reject)
    }).catch((error: unknown) => {
      end()
      // not awaited: a stream that hangs may hang here too
      if (signal?.aborted === true) source.return?.().catch(() => undefined)
      else onError?.()
      throw error
    })
    if (step.done === true) {
      end()
      onEnd?.()
      return { done: true, value: undefined }
    }
    seen += step.value.length
    onProgress?.(seen)
    return { done: false, value: step.value }
  }
  const leave = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    end()
    await source.return?.()
    return { done: true, value: undefined }
  }
  return keepVerified(stream, { [Symbol.asyncIterator]: () => ({ next, return: leave }) })
}
