import { parseUntil } from '../engine/until.ts'

/** docker's times: a date with or without time, Unix seconds, or an age such as 1h30m. `now` in milliseconds since 1970. */
export const parseTime = (text: string, now: number): Date => new Date(parseUntil(text, new Date(now)))
