import { isGantryError, messageOf } from '../lib/errors.ts'
import { explainSystemError } from '../lib/system-error.ts'

/** Says what went wrong in one line and what to try in another; with `debug` the chain of causes. */
export const describeError = (thrown: unknown, debug: boolean, command?: string): string => {
  const error = explainSystemError(thrown)
  const lines = [...excerptOf(error), `gantry${command === undefined ? '' : ` ${command}`}: ${messageOf(error)}`]
  if (isGantryError(error) && error.hint !== undefined) lines.push(`hint: ${error.hint}`)
  if (debug) {
    if (error instanceof Error && error.stack !== undefined) lines.push(error.stack)
    for (
      let cause = error instanceof Error ? error.cause : undefined;
      cause !== undefined;
      cause = cause instanceof Error ? cause.cause : undefined
    )
      lines.push(`caused by: ${cause instanceof Error ? (cause.stack ?? cause.message) : messageOf(cause)}`)
  } else if (!isGantryError(error))
    lines.push('hint: this is a mistake in gantry; run again with --debug and report what it prints')
  return lines.join('\n')
}

/** The lines of a Dockerfile that an error is about. */
const excerptOf = (error: unknown): readonly string[] => {
  const detail = isGantryError(error) ? error.detail : undefined
  const shown = typeof detail === 'object' && detail !== null && 'excerpt' in detail ? detail.excerpt : undefined
  return typeof shown === 'string' ? [shown] : []
}
