import { GantryError } from '../../lib/errors.ts'
import type { SourceRange } from '../dockerfile/source.ts'
import { withComments, type LintOptions } from './lint-options.ts'
import { lintRules, type RuleName } from './rules.ts'

/** A place in a Dockerfile that breaks a rule. */
export interface LintWarning {
  readonly rule: RuleName
  /** What is wrong, as BuildKit says it. */
  readonly detail: string
  readonly range: SourceRange
  /** What to write instead, in a sentence without a full stop. */
  readonly fix: string
}

/** What is checked: an instruction, or a part of it elsewhere; the comments above may switch rules off. */
export interface LintedPlace {
  readonly range: SourceRange
  readonly comments: readonly string[]
}

/** Collects the warnings of one Dockerfile that its options do not switch off. */
export class Linter {
  readonly #options: LintOptions
  readonly #warnings: LintWarning[] = []
  readonly #onWarning: (warning: LintWarning) => void

  constructor(options: LintOptions, onWarning: (warning: LintWarning) => void = () => undefined) {
    this.#options = options
    this.#onWarning = onWarning
  }

  /** Says that a rule is broken. `comments` without what is above the instruction: the rule is one of the whole file. */
  report(rule: RuleName, place: LintedPlace | SourceRange, detail: string, fix: string): void {
    const [range, comments] = 'range' in place ? [place.range, place.comments] : [place, []]
    const { skip, experimental } = withComments(this.#options, comments)
    const [set, wanted] = lintRules[rule].experimental === true ? [experimental, true] : [skip, false]
    if ((set === 'all' || set.has(rule)) !== wanted) return
    const warning = { rule, detail, range, fix }
    this.#warnings.push(warning)
    this.#onWarning(warning)
  }

  /** In the order of their lines. */
  get warnings(): readonly LintWarning[] {
    return this.#warnings.toSorted((a, b) => a.range.start - b.range.start)
  }

  /** Throws where the options make warnings errors and there are some. */
  end(): void {
    const [first] = this.warnings
    if (!this.#options.error || first === undefined) return
    const names = [...new Set(this.warnings.map(({ rule }) => rule))].join(', ')
    throw new GantryError('invalid_argument', 'LINT', `lint violation found for rules: ${names}`, {
      hint: first.fix,
    })
  }
}

/** `RULE: DETAIL (line N)`, as docker sums a warning up. */
export const lintSummary = ({ rule, detail, range }: LintWarning): string => `${rule}: ${detail} (line ${range.start})`
