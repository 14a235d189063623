import { posix } from 'node:path'
import { GantryError } from '../lib/errors.ts'
import { matchGlob, matchGlobPrefix, parseGlob, type GlobToken } from './glob.ts'
import { trimSpace } from './dockerfile/text.ts'

/** A line of an ignore file that says something: the cleaned pattern, `!` in front if it takes back. */
export interface IgnoreLine {
  readonly pattern: string
  /** Counted from 1. */
  readonly line: number
}

/** The lines of the ignore file that holds for a build, and its name. */
export interface IgnoreFile {
  readonly file: string
  readonly lines: readonly IgnoreLine[]
}

/** Reads a .dockerignore: comments only in the first column, blanks around patterns dropped, paths cleaned. */
export const parseIgnoreFile = (text: string): IgnoreLine[] =>
  text
    .replace(/^\u{feff}/u, '')
    .split('\n')
    .flatMap((raw, index) => {
      const written = raw.startsWith('#') ? '' : trimSpace(raw)
      if (written === '') return []
      const inverted = written.startsWith('!')
      const path = inverted ? trimSpace(written.slice(1)) : written
      const pattern = path === '' ? '' : cleanPattern(path)
      return [{ pattern: inverted ? `!${pattern}` : pattern, line: index + 1 }]
    })

/** Go's filepath.Clean, without a leading slash. */
const cleanPattern = (path: string): string => {
  const cleaned = goClean(path)
  return cleaned.length > 1 && cleaned.startsWith('/') ? cleaned.slice(1) : cleaned
}

const goClean = (path: string): string => {
  const normal = posix.normalize(path)
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal
}

/** What each rule said of a path or of a folder above it, to be given when matching what is below. */
export type MatchInfo = readonly boolean[]

interface Rule {
  readonly pattern: string
  readonly exception: boolean
  readonly matches: (path: string) => boolean
  /** Whether anything below the folder can match. */
  readonly mayMatchBelow: (folder: string) => boolean
}

/** Whether a path is matched, the index of the rule that decided, and what to hand down to what is below. */
export interface MatchResult {
  readonly matched: boolean
  readonly rule: number | undefined
  readonly info: MatchInfo
}

/** The rules of moby's patternmatcher, which .dockerignore and --exclude follow: in order, the last that matches decides. */
export class PatternMatcher {
  readonly #rules: readonly Rule[]

  /** Cleaned patterns, `!` in front of exceptions. `invalid_argument` for a bad one. */
  constructor(patterns: readonly string[]) {
    this.#rules = patterns.flatMap((pattern) => {
      const text = trimSpace(pattern)
      return text === '' ? [] : [compileRule(goClean(text))]
    })
  }

  get empty(): boolean {
    return this.#rules.length === 0
  }

  /** Matches a relative path with slashes, given what matching its folder answered. */
  match(path: string, folder?: MatchInfo): MatchResult {
    let rule: number | undefined
    let matched = false
    const info = this.#rules.map((one, index) => {
      // what matches a folder matches everything in it; else a rule that would change nothing need not be asked
      const match = folder?.[index] === true || (one.exception === matched && one.matches(path))
      if (match && one.exception === matched) rule = index
      if (match) matched = !one.exception
      return match
    })
    return { matched, rule, info }
  }

  /** Matches a path on its own, its folders included. */
  matchPath(path: string): MatchResult {
    const parts = path.split('/')
    let result: MatchResult = { matched: false, rule: undefined, info: [] }
    for (let length = 1; length <= parts.length; length++) result = this.match(parts.slice(0, length).join('/'), result.info)
    return result
  }

  /** True if nothing below a matched folder can escape: no exception that comes after the rule that decided reaches into it. */
  coversAll(folder: string, result: MatchResult): boolean {
    const { rule } = result
    return (
      result.matched &&
      rule !== undefined &&
      !this.#rules.some((one, index) => index > rule && one.exception && one.mayMatchBelow(folder))
    )
  }
}

const compileRule = (text: string): Rule => {
  const exception = text.startsWith('!')
  const pattern = exception ? text.slice(1) : text
  if (pattern === '') throw new GantryError('invalid_argument', 'PATTERN_INVALID', 'Cannot match "!": illegal exclusion pattern')
  const tokens = parseGlob(pattern, true)
  return { pattern, exception, ...matcherOf(pattern, tokens) }
}

/** As moby compiles them: patterns without wildcards, or with `**` at one end only, are compared, which is not the same as matched. */
const matcherOf = (pattern: string, tokens: readonly GlobToken[]): Pick<Rule, 'matches' | 'mayMatchBelow'> => {
  const [first] = tokens
  const special = tokens.filter((token) => token.kind !== 'literal').length
  const leading = first?.kind === 'folders' || first?.kind === 'rest'
  // a bracket that closes nothing makes a regular expression of it there, too
  if (!/[\\\]]/.test(pattern)) {
    if (special === 0) {
      return { matches: (path) => path === pattern, mayMatchBelow: (folder) => pattern.startsWith(`${folder}/`) }
    }
    if (special === 1 && leading) {
      const suffix = pattern.slice(2)
      const whole = suffix.startsWith('/') ? suffix.slice(1) : undefined
      return { matches: (path) => path.endsWith(suffix) || path === whole, mayMatchBelow: () => true }
    }
    if (special === 1 && tokens.at(-1)?.kind === 'rest') {
      const prefix = pattern.slice(0, -2)
      return {
        matches: (path) => path.startsWith(prefix),
        mayMatchBelow: (folder) => prefix.startsWith(`${folder}/`) || `${folder}/`.startsWith(prefix),
      }
    }
  }
  return {
    matches: (path) => matchGlob(tokens, path),
    mayMatchBelow: (folder) => matchGlobPrefix(tokens, `${folder}/`),
  }
}
