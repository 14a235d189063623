import { GantryError, messageOf } from '../../lib/errors.ts'

/** A test of whole names: a glob with `*` and `?`, or a regular expression between slashes. `invalid_argument` for a wrong expression. */
export const parsePattern = (text: string): ((name: string) => boolean) => {
  const expression = /^\/(.*)\/$/s.exec(text)?.[1]
  const source =
    expression ??
    text
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')
  try {
    const pattern = new RegExp(`^(?:${source})$`, 's')
    return (name) => pattern.test(name)
  } catch (cause) {
    throw new GantryError('invalid_argument', 'PATTERN_INVALID', `Cannot use the pattern "${text}": ${messageOf(cause)}`, {
      cause,
    })
  }
}

/** What is allowed (all if nothing says what), and what of that is not. */
export interface NameFilter {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

/** The names that a filter lets through, in their order. */
export const filterNames = (names: readonly string[], { allow, deny }: NameFilter): readonly string[] => {
  const allowed = allow.map(parsePattern)
  const denied = deny.map(parsePattern)
  return names.filter(
    (name) => (allowed.length === 0 || allowed.some((test) => test(name))) && !denied.some((test) => test(name)),
  )
}
