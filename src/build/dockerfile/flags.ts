import { GantryError } from '../../lib/errors.ts'
import { didYouMean } from './suggest.ts'

type FlagType = 'boolean' | 'text' | 'list'

/** The values of an instruction's flags, by the types that it allows. A boolean flag that is not given is undefined. */
export type FlagValues<T extends Readonly<Record<string, FlagType>>> = {
  readonly [K in keyof T]: T[K] extends 'boolean'
    ? boolean | undefined
    : T[K] extends 'text'
      ? string | undefined
      : readonly string[]
}

const invalid = (reason: string): GantryError => new GantryError('invalid_argument', 'FLAG_INVALID', reason)

/** Reads the flags of an instruction. `invalid_argument` in BuildKit's words, to which the caller adds the place. */
export const parseFlags = <T extends Readonly<Record<string, FlagType>>>(words: readonly string[], types: T): FlagValues<T> => {
  const values: Record<string, boolean | string | string[] | undefined> = {}
  for (const [name, type] of Object.entries(types)) values[name] = type === 'list' ? [] : undefined
  for (const word of words) {
    if (!word.startsWith('--')) throw invalid(`arg should start with -- : ${word}`)
    const equals = word.indexOf('=')
    const flag = equals < 0 ? word : word.slice(0, equals)
    const value = equals < 0 ? undefined : word.slice(equals + 1)
    const name = flag.slice(2)
    const type = Object.hasOwn(types, name) ? types[name] : undefined
    if (type === undefined) throw invalid(`unknown flag: ${flag}${didYouMean(name, Object.keys(types))}`)
    const known = values[name]
    if (known !== undefined && !Array.isArray(known)) throw invalid(`duplicate flag specified: ${flag}`)
    if (type === 'boolean') values[name] = booleanOf(flag, value)
    else if (value === undefined) throw invalid(`missing a value on flag: ${flag}`)
    else if (Array.isArray(known)) known.push(value)
    else values[name] = value
  }
  return values as FlagValues<T>
}

const booleanOf = (flag: string, value: string | undefined): boolean => {
  if (value === '') throw invalid(`missing a value on flag: ${flag}`)
  const word = value?.toLowerCase() ?? 'true'
  if (word !== 'true' && word !== 'false') throw invalid(`expecting boolean value for flag ${flag}, not: ${value}`)
  return word === 'true'
}
