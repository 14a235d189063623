import { GantryError } from '../../../lib/errors.ts'
import { plainProgress } from './plain.ts'
import type { Direction, ProgressRenderer, ProgressTarget } from './progress.ts'
import { rawJsonProgress } from './raw-json.ts'
import { terminalProgress } from './terminal.ts'

export const progressModes = ['auto', 'tty', 'plain', 'rawjson', 'quiet'] as const
export type ProgressMode = (typeof progressModes)[number]

const isMode = (text: string): text is ProgressMode => (progressModes as readonly string[]).includes(text)

/** The mode that a user wrote; anything else is an `invalid_argument` error. */
export const parseProgressMode = (text: string): ProgressMode => {
  if (isMode(text)) return text
  throw new GantryError('invalid_argument', 'USAGE', `Cannot show progress as ${JSON.stringify(text)}: there is no such mode`, {
    hint: `use one of ${progressModes.join(', ')}`,
  })
}

/** What of a stream matters here. */
export interface ProgressStream {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  write(text: string): unknown
}

/** A stream as a target; no colors with NO_COLOR or on a dumb terminal (https://no-color.org). */
export const progressTarget = (
  stream: ProgressStream,
  environment: Readonly<Record<string, string | undefined>>,
): ProgressTarget => ({
  write: (text) => void stream.write(text),
  size: () => ({ columns: stream.columns || 80, rows: stream.rows || 24 }),
  color: stream.isTTY === true && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb',
  now: () => performance.now(),
  schedule(callback, milliseconds) {
    const timer = setTimeout(callback, milliseconds)
    timer.unref()
    return () => clearTimeout(timer)
  },
})

/** A renderer that shows nothing. */
const quietProgress = (): ProgressRenderer => ({
  copy() {},
  build() {},
  close: () => Promise.resolve(),
  [Symbol.asyncDispose]: () => Promise.resolve(),
})

/** The renderer of a mode; `auto` is `tty` where `interactive` says that a person sees a terminal, else `plain`. */
export const createProgress = (
  mode: ProgressMode,
  direction: Direction,
  target: ProgressTarget,
  interactive: boolean,
): ProgressRenderer => {
  switch (mode) {
    case 'auto':
      return createProgress(interactive ? 'tty' : 'plain', direction, target, interactive)
    case 'tty':
      return terminalProgress(target, direction)
    case 'plain':
      return plainProgress(target, direction)
    case 'rawjson':
      return rawJsonProgress(target)
    case 'quiet':
      return quietProgress()
  }
}

/** True for a stream on which lines can be drawn over. */
export const isInteractive = (stream: ProgressStream, environment: Readonly<Record<string, string | undefined>>): boolean =>
  stream.isTTY === true && environment['TERM'] !== 'dumb'
