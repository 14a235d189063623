import { GantryError } from '../../lib/errors.ts'

const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }

/** Nanoseconds of a duration as Go writes it: `1h30m`, `1.5s`, `-10ms`, `0`. `invalid_argument` in Go's words. */
export const parseDuration = (text: string): number => {
  const fail = (reason: string): never => {
    throw new GantryError('invalid_argument', 'DURATION_INVALID', `time: ${reason} duration "${text}"`)
  }
  const sign = text.startsWith('-') ? -1 : 1
  let rest = text.replace(/^[+-]/, '')
  if (rest === '0') return 0
  if (rest === '') return fail('invalid')
  let total = 0
  while (rest !== '') {
    const match = /^(\d*)(?:\.(\d*))?([^\d.]*)/.exec(rest)
    const [whole = '', whole1 = '', fraction, unit = ''] = match ?? []
    if (whole1 === '' && (fraction ?? '') === '') return fail('invalid')
    if (unit === '') return fail('missing unit in')
    const scale = Object.hasOwn(units, unit) ? units[unit] : undefined
    if (scale === undefined) return fail(`unknown unit "${unit}" in`)
    total += Math.round(Number(`${whole1 || '0'}.${fraction || '0'}`) * scale)
    if (total >= 2 ** 63) return fail('invalid')
    rest = rest.slice(whole.length)
  }
  return sign * total
}

/** Nanoseconds as Go prints a duration: `1m30s`, `1.5s`, `300ms`, `0s`. */
export const formatDuration = (nanoseconds: number): string => {
  const sign = nanoseconds < 0 ? '-' : ''
  const value = Math.abs(nanoseconds)
  if (value === 0) return '0s'
  const small = ([1e6, 1e3, 1] as const).find((scale) => value < 1e9 && value >= scale)
  if (small !== undefined) return `${sign}${value / small}${{ 1e6: 'ms', 1e3: 'µs', 1: 'ns' }[small]}`
  const hours = Math.floor(value / 3600e9)
  const minutes = Math.floor((value % 3600e9) / 60e9)
  const seconds = (value % 60e9) / 1e9
  return `${sign}${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`
}
