import { GantryError } from '../lib/errors.ts'

/**
 * One step of a pattern. `star` is any run without a slash, `folders` any number of whole folders (`(.*\/)?`), `rest` anything.
 */
export type GlobToken =
  | { readonly kind: 'literal'; readonly character: string }
  | { readonly kind: 'any' | 'star' | 'folders' | 'rest' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] }

const bad = (pattern: string): GantryError =>
  new GantryError('invalid_argument', 'PATTERN_INVALID', `Cannot match "${pattern}": syntax error in pattern`)

/**
 * The tokens of a pattern in the syntax of Go's filepath.Match: `*`, `?`, `[a-z]`, `[^a]`, `\` escapes. With `deep`, `**` means
 * what it means in .dockerignore. `invalid_argument` for what Go calls a bad pattern.
 */
export const parseGlob = (pattern: string, deep: boolean): GlobToken[] => {
  const tokens: GlobToken[] = []
  const characters = Array.from(pattern)
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] ?? ''
    if (character === '*' && deep && characters[at + 1] === '*') {
      at += characters[at + 2] === '/' ? 2 : 1
      tokens.push({ kind: at + 1 >= characters.length ? 'rest' : 'folders' })
    } else if (character === '*') tokens.push({ kind: 'star' })
    else if (character === '?') tokens.push({ kind: 'any' })
    else if (character === '[') {
      const { token, end } = parseClass(pattern, characters, at + 1)
      tokens.push(token)
      at = end
    } else if (character === '\\') {
      const escaped = characters[++at]
      if (escaped === undefined) throw bad(pattern)
      tokens.push({ kind: 'literal', character: escaped })
    } else tokens.push({ kind: 'literal', character })
  }
  return tokens
}

const parseClass = (
  pattern: string,
  characters: readonly string[],
  start: number,
): { readonly token: GlobToken; readonly end: number } => {
  let at = start
  const negated = characters[at] === '^'
  if (negated) at++
  const member = (): string => {
    let character = characters[at++]
    if (character === undefined || character === '-' || character === ']') throw bad(pattern)
    if (character === '\\') character = characters[at++]
    // a class that nothing follows is not closed
    if (character === undefined || at >= characters.length) throw bad(pattern)
    return character
  }
  const ranges: [string, string][] = []
  while (ranges.length === 0 || characters[at] !== ']') {
    const low = member()
    let high = low
    if (characters[at] === '-') {
      at++
      high = member()
    }
    ranges.push([low, high])
  }
  return { token: { kind: 'class', negated, ranges }, end: at }
}

/** Which tokens a text has come to; marks by index, the last one for the end of the pattern. */
type States = Uint8Array

/** Reaches a token, and those behind it that it lets by without taking anything. */
const reach = (tokens: readonly GlobToken[], states: States, index: number): void => {
  for (let at = index; states[at] !== 1; at++) {
    states[at] = 1
    const kind = tokens[at]?.kind
    if (kind !== 'star' && kind !== 'folders' && kind !== 'rest') return
  }
}

const takes = (token: GlobToken, character: string): boolean => {
  switch (token.kind) {
    case 'literal':
      return token.character === character
    case 'any':
    case 'star':
      return character !== '/'
    case 'folders':
    case 'rest':
      return true
    case 'class':
      return token.negated !== token.ranges.some(([low, high]) => compare(low, character) <= 0 && compare(character, high) <= 0)
  }
}

const compare = (a: string, b: string): number => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0)

const run = (tokens: readonly GlobToken[], text: string): States => {
  let states: States = new Uint8Array(tokens.length + 1)
  let next: States = new Uint8Array(tokens.length + 1)
  reach(tokens, states, 0)
  for (const character of text) {
    next.fill(0)
    let alive = false
    for (let at = 0; at < tokens.length; at++) {
      const token = tokens[at]
      if (states[at] !== 1 || token === undefined || !takes(token, character)) continue
      alive = true
      if (token.kind === 'folders') {
        if (character === '/') reach(tokens, next, at + 1)
        // inside a folder's name there is no way on, so this is not reached, only kept
        next[at] = 1
      } else reach(tokens, next, token.kind === 'star' || token.kind === 'rest' ? at : at + 1)
    }
    ;[states, next] = [next, states]
    if (!alive) break
  }
  return states
}

/** True if the tokens match the whole text. Time: the product of both lengths, whatever the pattern. */
export const matchGlob = (tokens: readonly GlobToken[], text: string): boolean => run(tokens, text)[tokens.length] === 1

/** True if the tokens match any text that begins so. */
export const matchGlobPrefix = (tokens: readonly GlobToken[], prefix: string): boolean => run(tokens, prefix).includes(1)

/** True if the pattern has a character that makes it match more than itself. */
export const hasWildcard = (pattern: string): boolean => /[*?[]/.test(pattern.replace(/\\[^]/g, ''))
