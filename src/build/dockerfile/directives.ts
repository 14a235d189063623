import { sourceError, type SourceRange } from './source.ts'
import { trimStart } from './text.ts'

/** What the parser directives at the top of a Dockerfile say (Dockerfile reference §Parser directives). */
export interface Directives {
  /** The character that escapes and that continues a line. */
  readonly escape: '\\' | '`'
  /** The frontend image that the file asks for. */
  readonly syntax?: string
  /** Options of the checks: `skip=…;error=true`. */
  readonly check?: string
}

const pattern = /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(\S.*)$/

type DirectiveName = 'syntax' | 'escape' | 'check'

/** The directive that a comment, without its `#`, is; undefined if it is none that is known. */
export const parseDirective = (comment: string): { readonly name: DirectiveName; readonly value: string } | undefined => {
  const match = pattern.exec(trimStart(comment).trimEnd())
  const [name = '', value = ''] = [match?.[1]?.toLowerCase(), match?.[2]]
  return name === 'syntax' || name === 'escape' || name === 'check' ? { name, value } : undefined
}

/** Reads the directives line by line; anything that is none ends them. */
export class DirectiveReader {
  #escape: Directives['escape'] = '\\'
  readonly #seen = new Map<string, string>()
  #first = true
  /** Behind a `#!` line the other two are still looked for, but the line is a comment, which ends the directives of the language. */
  #shebang = false
  #done = false

  /** Takes the next line of the file, without its leading blanks; true if it was a directive. */
  read(line: string, range: SourceRange): boolean {
    if (this.#done) return false
    const shebang = this.#first && line.startsWith('#!')
    this.#first = false
    this.#shebang ||= shebang
    if (shebang) return false
    const directive = line.startsWith('#') ? parseDirective(line.slice(1)) : undefined
    if (directive === undefined) {
      this.#done = true
      return false
    }
    const { name, value } = directive
    if (this.#seen.has(name)) throw sourceError(range, 'DIRECTIVE_REPEATED', `only one ${name} parser directive can be used`)
    this.#seen.set(name, value)
    if (name !== 'escape' || this.#shebang) return !this.#shebang
    if (value !== '\\' && value !== '`')
      throw sourceError(range, 'ESCAPE_INVALID', `invalid escape token '${value}' does not match \` or \\`)
    this.#escape = value
    return true
  }

  /** What holds for the lines that follow. */
  get escape(): Directives['escape'] {
    return this.#escape
  }

  get directives(): Directives {
    const syntax = this.#seen.get('syntax')
    const check = this.#seen.get('check')
    return {
      escape: this.#escape,
      ...(syntax === undefined ? {} : { syntax }),
      ...(check === undefined ? {} : { check }),
    }
  }
}
