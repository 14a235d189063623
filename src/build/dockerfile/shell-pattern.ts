import { GantryError } from '../../lib/errors.ts'

/** One unit of a pattern: a character, any one character, or any number of them. Wildcards do not match a line break. */
type Token = { readonly kind: 'literal'; readonly character: string } | { readonly kind: 'any' } | { readonly kind: 'star' }

const tokenize = (pattern: string): Token[] => {
  const tokens: Token[] = []
  const characters = Array.from(pattern)
  for (let at = 0; at < characters.length; at++) {
    let character = characters[at] ?? ''
    if (character === '*') tokens.push({ kind: 'star' })
    else if (character === '?') tokens.push({ kind: 'any' })
    else {
      if (character === '\\') {
        const next = characters[++at]
        if (next === undefined || !'*?\\}/'.includes(next)) throw invalidEscape(pattern, next ?? '')
        character = next
      }
      tokens.push({ kind: 'literal', character })
    }
  }
  return tokens
}

const invalidEscape = (pattern: string, character: string): GantryError =>
  new GantryError(
    'invalid_argument',
    'PATTERN_INVALID',
    `invalid pattern (${pattern}) in substitution: invalid escape '\\${character}'`,
  )

/**
 * Where a match that begins at `start` ends: the longest or the shortest, undefined if there is none. All states advance
 * together, so the time is the product of the two lengths whatever the pattern.
 */
const matchEnd = (tokens: readonly Token[], text: readonly string[], start: number, longest: boolean): number | undefined => {
  const final = tokens.length
  let states = closure(tokens, [0])
  let end: number | undefined
  for (let at = start; ; at++) {
    if (states.at(-1) === final) {
      end = at
      if (!longest) return end
    }
    const character = text[at]
    if (character === undefined || states.length === 0) return end
    const next: number[] = []
    for (const state of states) {
      const token = tokens[state]
      if (token === undefined) continue
      if (token.kind === 'literal' ? token.character === character : character !== '\n')
        next.push(token.kind === 'star' ? state : state + 1)
    }
    states = closure(tokens, next)
  }
}

/** The states, ascending and each once, with those that a star reaches by matching nothing. */
const closure = (tokens: readonly Token[], states: readonly number[]): number[] => {
  const all: number[] = []
  for (let state of states) {
    for (;;) {
      if ((all.at(-1) ?? -1) >= state) break
      all.push(state)
      if (tokens[state]?.kind !== 'star') break
      state++
    }
  }
  return all
}

/** Removes what the pattern matches at the beginning of the text, the longest or the shortest match (`${v##p}`, `${v#p}`). */
export const removePrefix = (pattern: string, text: string, longest: boolean): string => {
  const characters = Array.from(text)
  const end = matchEnd(tokenize(pattern), characters, 0, longest)
  return end === undefined ? text : characters.slice(end).join('')
}

/** Removes what the pattern matches at the end of the text (`${v%%p}`, `${v%p}`). */
export const removeSuffix = (pattern: string, text: string, longest: boolean): string => {
  const characters = Array.from(text).reverse()
  const end = matchEnd(tokenize(pattern).reverse(), characters, 0, longest)
  return end === undefined ? text : characters.slice(end).reverse().join('')
}

/** Replaces the first match of the pattern, or all, each as long as it can be (`${v/p/r}`, `${v//p/r}`). */
export const replacePattern = (pattern: string, text: string, replacement: string, all: boolean): string => {
  const tokens = tokenize(pattern)
  const characters = Array.from(text)
  const result: string[] = []
  for (let at = 0, empty = -1; at <= characters.length;) {
    const end = matchEnd(tokens, characters, at, true)
    // an empty match right behind a match is none
    if (end !== undefined && (end > at || at !== empty)) {
      result.push(replacement)
      if (!all) return result.join('') + characters.slice(end).join('')
    }
    if (end !== undefined && end > at) {
      at = end
      empty = end
    } else {
      const character = characters[at++]
      if (character !== undefined) result.push(character)
    }
  }
  return result.join('')
}
