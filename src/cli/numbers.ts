import { GantryError } from '../lib/errors.ts'

/** A flag whose value is a whole number of 0 or more. */
export const wholeNumber = (flag: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new GantryError('invalid_argument', 'USAGE', `invalid argument "${text}" for "--${flag}" flag: it must be a whole number`)
}
