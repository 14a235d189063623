import { GantryError } from '../lib/errors.ts'

/** `NAME=VALUE` words as an object; `NAME` alone takes the value of that variable, and is left out where there is none. */
export const pairs = (
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    words.flatMap((word) => {
      const at = word.indexOf('=')
      const value = at < 0 ? environment[word] : word.slice(at + 1)
      return value === undefined ? [] : [[at < 0 ? word : word.slice(0, at), value] as const]
    }),
  )

/** `NAME=VALUE` words of --build-context. */
export const namedContexts = (words: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=')
      if (at > 0) return [word.slice(0, at), word.slice(at + 1)] as const
      throw new GantryError('invalid_argument', 'USAGE', `invalid context value: ${word}, expected key=value`)
    }),
  )
