import { GantryError, type ErrorKind } from '../../lib/errors.ts'

/** A Dockerfile's text and the name that messages give it. */
export interface SourceFile {
  readonly name: string
  readonly lines: readonly string[]
}

/** Lines of a source file, counted from 1, both inclusive. */
export interface SourceRange {
  readonly file: SourceFile
  readonly start: number
  readonly end: number
}

/** The `detail` of every error that has a place in a Dockerfile. */
export interface SourceDetail {
  readonly file: string
  readonly startLine: number
  readonly endLine: number
  /** The lines with what surrounds them, as docker prints them. */
  readonly excerpt: string
}

export const createSourceFile = (name: string, text: string): SourceFile => ({ name, lines: text.split('\n') })

const context = 2
const longestLine = 200
const mostLines = 40

/** The lines of the range, marked, with two lines before and after; long lines and long ranges are cut. */
export const excerpt = (range: SourceRange): string => {
  const { lines, name } = range.file
  const first = Math.max(1, range.start - context)
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
  const last = Math.min(count, range.end + context, range.start + mostLines)
  const width = String(last).length + 3
  const shown: string[] = []
  for (let number = first; number <= last; number++) {
    const line = (lines[number - 1] ?? '').replace(/\r$/, '')
    const text = line.length > longestLine ? `${line.slice(0, longestLine)}…` : line
    const mark = number >= range.start && number <= range.end ? '>>>' : '   '
    shown.push(`${String(number).padStart(width)} | ${mark} ${text}`.trimEnd())
  }
  const rule = '-'.repeat(20)
  return [`${name}:${range.start}`, rule, ...shown, rule].join('\n')
}

const detailOf = (range: SourceRange): SourceDetail => ({
  file: range.file.name,
  startLine: range.start,
  endLine: range.end,
  excerpt: excerpt(range),
})

/** An error about a place in a Dockerfile: `Cannot build "NAME" line N: REASON`, with a `SourceDetail`. */
export const sourceError = (
  range: SourceRange,
  code: string,
  reason: string,
  options: { readonly kind?: ErrorKind; readonly hint?: string; readonly cause?: unknown } = {},
): GantryError => {
  const { kind = 'invalid_argument', ...rest } = options
  return new GantryError(kind, code, `Cannot build "${range.file.name}" line ${range.start}: ${reason}`, {
    ...rest,
    detail: detailOf(range),
  })
}
