import { GantryError } from './errors.ts'

/** Bytes of a size as docker's flags take it, in powers of 1024: `512`, `64m`, `1.5GB`, `10 KiB`. `invalid_argument` in docker's words. */
export const parseSize = (text: string): number => {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])i?)?b?$/i.exec(text.trim()) ?? []
  const bytes = Math.floor(Number(number) * 1024 ** ' kmgtp'.indexOf(unit.toLowerCase() || ' '))
  if (number !== '' && Number.isSafeInteger(bytes)) return bytes
  throw new GantryError('invalid_argument', 'SIZE_INVALID', `invalid size: '${text}'`)
}
