import type { CopyEvent } from '../../../content/interfaces.ts'
import type { BuildEvent } from './build-event.ts'
import type { ProgressRenderer, ProgressTarget } from './progress.ts'

/** Milliseconds between two reports of the bytes of one blob. */
const interval = 100

/** Every event as a line of JSON with the milliseconds since the beginning, for programs; moved bytes at most ten times a second a blob. */
export const rawJsonProgress = (target: ProgressTarget): ProgressRenderer => {
  const begun = target.now()
  const reported = new Map<string, number>()
  let closed = false
  const write = (event: CopyEvent | BuildEvent): void => {
    if (!closed) target.write(`${JSON.stringify({ time: target.now() - begun, ...event })}\n`)
  }
  const close = (): Promise<void> => {
    closed = true
    return Promise.resolve()
  }
  return {
    copy(event) {
      if (event.kind === 'progress') {
        const { digest } = event.descriptor
        if (target.now() - (reported.get(digest) ?? -Infinity) < interval) return
        reported.set(digest, target.now())
      }
      write(event)
    },
    build: write,
    close,
    [Symbol.asyncDispose]: close,
  }
}
