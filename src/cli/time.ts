import { GantryError } from '../lib/errors.ts'

/** docker's times: RFC 3339, Unix seconds, or an age such as 1h30m. */
export const parseTime = (text: string, now: number): Date => {
  if (/^\d+(\.\d+)?$/.test(text)) return new Date(Number(text) * 1000)
  const age = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text)
  if (age !== null && text !== '')
    return new Date(now - (Number(age[1] ?? 0) * 3600 + Number(age[2] ?? 0) * 60 + Number(age[3] ?? 0)) * 1000)
  const time = Date.parse(text)
  if (Number.isNaN(time))
    throw new GantryError('invalid_argument', 'USAGE', `invalid time "${text}"`, {
      hint: 'give a time such as 2026-01-02T13:23:37Z or an age such as 42m',
    })
  return new Date(time)
}
