import { GantryError, isGantryError } from '../../lib/errors.ts'
import { DirectiveReader, type Directives } from './directives.ts'
import { heredocMarks, type Heredoc } from './heredoc.ts'
import { parseStringArray } from './string-array.ts'
import { createSourceFile, sourceError, type SourceFile, type SourceRange } from './source.ts'
import { trimSpace, trimStart } from './text.ts'
import { splitInstruction } from './words.ts'

/** One instruction as it stands in the file: continued lines joined, comments inside taken out. */
export interface LogicalLine {
  readonly text: string
  readonly range: SourceRange
  /** The comments right above, without `#`. */
  readonly comments: readonly string[]
  readonly heredocs: readonly Heredoc[]
  /** The empty lines inside a continuation, and the line that ends it; only where there are some. */
  readonly emptyContinuation?: { readonly lines: readonly number[]; readonly end: number }
}

export interface LogicalLines {
  readonly file: SourceFile
  readonly directives: Directives
  readonly lines: readonly LogicalLine[]
}

/** Most bytes of a Dockerfile. */
const sizeLimit = 16 * 1024 * 1024

/** Splits a Dockerfile into its instructions. `invalid_argument` with the place for what cannot be one. */
export const readLines = (text: string, name: string): LogicalLines => {
  if (text.length > sizeLimit)
    throw new GantryError('resource_exhausted', 'TOO_LARGE', `Cannot build "${name}": it has more than ${sizeLimit} characters`)
  const reader = new LineReader(text.startsWith('\u{feff}') ? text.slice(1) : text, name)
  return reader.read()
}

const isComment = (line: string): boolean => trimStart(line).startsWith('#')
const withoutEnd = (line: string): string => {
  let end = line.length
  while (end > 0 && (line[end - 1] === '\n' || line[end - 1] === '\r')) end--
  return line.slice(0, end)
}

class LineReader {
  readonly #file: SourceFile
  readonly #raw: readonly string[]
  readonly #directives = new DirectiveReader()
  /** Lines taken so far, which is the number of the last one. */
  #taken = 0

  constructor(text: string, name: string) {
    this.#file = createSourceFile(name, text)
    this.#raw = this.#file.lines.map((line, index, { length }) => (index < length - 1 ? `${line}\n` : line))
  }

  read(): LogicalLines {
    const lines: LogicalLine[] = []
    let comments: string[] = []
    for (let raw = this.#take(); raw !== undefined; raw = this.#take()) {
      const line = trimStart(withoutEnd(raw))
      const directive = this.#directives.read(line, this.#range(this.#taken))
      if (line.startsWith('#')) {
        const comment = trimSpace(line.slice(1))
        if (comment === '') comments = []
        else if (!directive) comments.push(comment)
        continue
      }
      if (line === '') continue
      lines.push(this.#instruction(line, comments))
      comments = []
    }
    return { file: this.#file, directives: this.#directives.directives, lines }
  }

  /** The next line with its line end; the piece after a last line end is no line. */
  #take(): string | undefined {
    const line = this.#raw[this.#taken]
    if (line === undefined || (line === '' && this.#taken === this.#raw.length - 1)) return undefined
    this.#taken++
    return line
  }

  #range(start: number): SourceRange {
    return { file: this.#file, start, end: this.#taken }
  }

  #instruction(first: string, comments: readonly string[]): LogicalLine {
    const start = this.#taken
    const parts: string[] = []
    const empty: number[] = []
    let continued = this.#continued(first)
    parts.push(continued ?? first)
    while (continued !== undefined) {
      const raw = this.#take()
      if (raw === undefined) break
      const line = withoutEnd(raw)
      if (isComment(line)) continue
      if (trimStart(line) === '') {
        empty.push(this.#taken)
        continue
      }
      continued = this.#continued(line)
      parts.push(continued ?? line)
    }
    const text = parts.join('')
    const emptyContinuation = empty.length === 0 ? {} : { emptyContinuation: { lines: empty, end: this.#taken } }
    const heredocs = takesHeredoc(text, this.#directives.escape) ? this.#heredocs(text, start) : []
    return { text, range: this.#range(start), comments, heredocs, ...emptyContinuation }
  }

  /** The line without the escape character that continues it, or undefined if it is not continued. */
  #continued(line: string): string | undefined {
    const { escape } = this.#directives
    let end = line.length
    while (end > 0 && (line[end - 1] === ' ' || line[end - 1] === '\t')) end--
    if (line[end - 1] !== escape || line[end - 2] === escape) return undefined
    return line.slice(0, end - 1)
  }

  #heredocs(text: string, start: number): Heredoc[] {
    try {
      return heredocMarks(text).map((mark) => {
        const content: string[] = []
        for (let raw = this.#take(); raw !== undefined; raw = this.#take()) {
          const line = withoutEnd(raw)
          if ((mark.stripTabs ? line.replace(/^\t+/, '') : line) === mark.name) return { ...mark, content: content.join('') }
          content.push(raw)
        }
        throw sourceError(this.#range(start), 'HEREDOC_UNTERMINATED', 'unterminated heredoc')
      })
    } catch (error) {
      if (isGantryError(error) && error.code === 'EXPANSION_INVALID')
        throw sourceError(this.#range(start), 'HEREDOC_INVALID', error.message, { cause: error })
      throw error
    }
  }
}

/** Only ADD, COPY and RUN, ONBUILD's included, and not in their JSON form. */
const takesHeredoc = (text: string, escape: string): boolean => {
  if (!text.includes('<<')) return false
  const outer = splitInstruction(text, escape)
  const { name, rest } = outer.name.toLowerCase() === 'onbuild' ? splitInstruction(outer.rest, escape) : outer
  return ['add', 'copy', 'run'].includes(name.toLowerCase()) && typeof parseStringArray(rest) === 'string'
}
