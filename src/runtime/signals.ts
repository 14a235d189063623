import { constants } from 'node:os'
import { GantryError } from '../lib/errors.ts'

const SIGRTMIN = 34
const SIGRTMAX = 64

/**
 * The number of a signal given as docker takes it: a number from 1 to 64, or a name with or without `SIG` in any case, `RTMIN+2`
 * and `RTMAX-1` among them. Anything else is `invalid_argument`.
 */
export const signalNumber = (text: string): number => {
  const name = text.toUpperCase().replace(/^SIG/, '')
  const known = (constants.signals as Readonly<Record<string, number>>)[`SIG${name}`]
  const number = /^\d{1,3}$/.test(text) ? Number(text) : (known ?? realTime(name))
  if (number !== undefined && number >= 1 && number <= SIGRTMAX) return number
  throw new GantryError('invalid_argument', 'INVALID_SIGNAL', `Cannot send signal "${text}": invalid signal: ${text}`)
}

const realTime = (name: string): number | undefined => {
  const [, from, sign, offset = '0'] = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name) ?? []
  if (from === undefined || (sign !== undefined && sign !== (from === 'MIN' ? '+' : '-'))) return undefined
  const number = from === 'MIN' ? SIGRTMIN + Number(offset) : SIGRTMAX - Number(offset)
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined
}
