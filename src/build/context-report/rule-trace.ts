import type { IgnoreFile, PatternMatcher } from '../ignore.ts'

/** A rule that a path meets. */
export interface MetRule {
  readonly file: string
  readonly line: number
  /** As it is compared; `!` in front of one that takes back. */
  readonly pattern: string
  /** What it matched: the path, or a folder that it is in. */
  readonly matched: string
}

/** What rules make of a path. */
export interface RuleTrace {
  readonly ignored: boolean
  /** The rules that changed what becomes of it, in order: the last one decided. */
  readonly rules: readonly MetRule[]
}

/** Asks the rules about a path and says which of them had a say. */
export const traceRules = (path: string, matcher: PatternMatcher, { file, lines }: IgnoreFile): RuleTrace => {
  const parts = path.split('/')
  const matchedBy = new Map<number, string>()
  let result: ReturnType<PatternMatcher['match']> = { matched: false, rule: undefined, info: [] }
  for (let length = 1; length <= parts.length; length++) {
    const part = parts.slice(0, length).join('/')
    result = matcher.match(part, result.info)
    for (const [index, matches] of result.info.entries()) if (matches && !matchedBy.has(index)) matchedBy.set(index, part)
  }
  const rules: MetRule[] = []
  let ignored = false
  for (const [index, matches] of result.info.entries()) {
    const line = lines[index]
    const matched = matchedBy.get(index)
    if (!matches || line === undefined || matched === undefined || line.pattern.startsWith('!') !== ignored) continue
    ignored = !ignored
    rules.push({ file, ...line, matched })
  }
  return { ignored: result.matched, rules }
}
