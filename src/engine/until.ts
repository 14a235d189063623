import { parseDuration } from '../build/dockerfile/duration.ts'
import { GantryError, isGantryError } from '../lib/errors.ts'

/**
 * The point in time that docker's `until` filters name, in milliseconds since 1970: a duration before `now` (`24h`), seconds since
 * 1970, a date, or a date with a time, which is local without a zone. Anything else is an `invalid_argument` error.
 */
export const parseUntil = (text: string, now: Date): number => {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^\d{4}-\d{2}-\d{2}(?:$|T)/.test(text)) {
    // Date takes a bare date for UTC, docker for local time
    const time = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(/^(.*T\d{2})(Z?)$/, '$1:00$2'))
    if (!Number.isNaN(time)) return time
  }
  try {
    return now.getTime() - parseDuration(text) / 1e6
  } catch (cause) {
    if (!isGantryError(cause)) throw cause
    throw new GantryError('invalid_argument', 'UNTIL_INVALID', `Cannot read the time "${text}": it is no duration and no date`, {
      cause,
      hint: 'write a duration as 24h, or a date as 2024-01-02 or 2024-01-02T03:04:05',
    })
  }
}
