import { quote } from '../go-quote.ts'
import { TemplateError } from './template-error.ts'

export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'space'
  | 'pipe'
  | 'declare'
  | 'assign'
  | 'dot'
  | 'field'
  | 'variable'
  | 'identifier'
  | 'keyword'
  | 'bool'
  | 'nil'
  | 'number'
  | 'character'
  | 'string'
  | 'raw'
  | '('
  | ')'
  | 'other'
  | 'end'
  | 'error'

/** A token of a template; `at` is its offset. An error is a token too, since what comes before it may be wrong first. */
export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly at: number
}

const keywords = new Set(['if', 'else', 'end', 'range', 'with', 'break', 'continue', 'define', 'block', 'template'])
const spaces = ' \t\r\n'
const isWord = (character: string): boolean => /^[\p{L}\p{Nd}_]$/u.test(character)

/** Go's `%#U`: `U+0023 '#'`. */
const codePoint = (character: string): string => {
  const code = character.codePointAt(0) ?? 0
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
  return /\p{C}/u.test(character) ? name : `${name} '${character}'`
}

const numberPattern =
  /^[+-]?(?:0[xX][0-9a-fA-F_]*|0[oO][0-7_]*|0[bB][01_]*|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?)?/

/** The state of one run over a template's text (Go text/template/parse). */
class Lexer {
  readonly #text: string
  readonly #tokens: Token[] = []
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  run(): readonly Token[] {
    try {
      for (let found = this.#outside(); found !== 'end'; found = this.#outside()) if (found === 'action') while (this.#inside());
      this.#push('end', this.#text.length)
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      this.#tokens.push({ kind: 'error', text: error.message, at: this.#at })
    }
    return this.#tokens
  }

  #push(kind: TokenKind, end: number): true {
    this.#tokens.push({ kind, text: this.#text.slice(this.#at, end), at: this.#at })
    this.#at = end
    return true
  }

  /** Text up to the next action and the action's beginning, or a whole comment. */
  #outside(): 'action' | 'comment' | 'end' {
    const open = this.#text.indexOf('{{', this.#at)
    const end = open === -1 ? this.#text.length : open
    const trims = open !== -1 && this.#text[open + 2] === '-' && spaces.includes(this.#text[open + 3] ?? 'x')
    const text = this.#text.slice(this.#at, end)
    const kept = trims ? text.trimEnd().length : text.length
    if (kept > 0) this.#push('text', this.#at + kept)
    this.#at = end
    if (open === -1) return 'end'
    const begin = open + (trims ? 4 : 2)
    if (this.#text.startsWith('/*', begin)) return this.#comment(begin)
    this.#push('open', open + 2)
    this.#at = begin
    this.#depth = 0
    return 'action'
  }

  #comment(begin: number): 'comment' {
    const end = this.#text.indexOf('*/', begin + 2)
    if (end === -1) throw new TemplateError('unclosed comment')
    const close = this.#closing(end + 2)
    if (close === undefined) throw new TemplateError('comment ends before closing delimiter')
    this.#at = close
    return 'comment'
  }

  /** Where the text goes on after `}}` or ` -}}` at an offset, or undefined if neither is there. */
  #closing(at: number): number | undefined {
    if (this.#text.startsWith('}}', at)) return at + 2
    if (!spaces.includes(this.#text[at] ?? 'x') || !this.#text.startsWith('-}}', at + 1)) return undefined
    let next = at + 4
    while (spaces.includes(this.#text[next] ?? 'x')) next++
    return next
  }

  /** One token of an action; false after its end. */
  #inside(): boolean {
    const close = this.#closing(this.#at)
    if (close !== undefined) {
      if (this.#depth > 0) throw new TemplateError('unclosed left paren')
      this.#push('close', close)
      return false
    }
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0)
    const next = this.#text[this.#at + 1] ?? ''
    if (this.#at >= this.#text.length) throw new TemplateError('unclosed action')
    if (spaces.includes(character)) return this.#space()
    if (character === ':') {
      if (next !== '=') throw new TemplateError('expected :=')
      return this.#push('declare', this.#at + 2)
    }
    if (character === '"' || character === "'") return this.#quoted(character)
    if (character === '`') return this.#raw()
    if (character === '$' || (character === '.' && !/[0-9]/.test(next))) return this.#named(character)
    if (/[.+\-0-9]/.test(character)) return this.#number()
    if (isWord(character)) return this.#word()
    return this.#sign(character)
  }

  #sign(character: string): true {
    if (character === '(') this.#depth++
    if (character === ')' && --this.#depth < 0) throw new TemplateError('unexpected right paren')
    const kinds: Readonly<Record<string, TokenKind>> = { '=': 'assign', '|': 'pipe', '(': '(', ')': ')' }
    if (!/^[!-~]$/.test(character)) throw new TemplateError(`unrecognized character in action: ${codePoint(character)}`)
    return this.#push(kinds[character] ?? 'other', this.#at + 1)
  }

  #space(): true {
    let end = this.#at
    while (spaces.includes(this.#text[end] ?? 'x') && this.#closing(end) === undefined) end++
    return this.#push('space', end)
  }

  #wordEnd(from: number): number {
    let end = from
    for (;;) {
      const character = String.fromCodePoint(this.#text.codePointAt(end) ?? 0)
      if (!isWord(character)) return end
      end += character.length
    }
  }

  /** A name must be followed by something that can end it. */
  #checkEnd(end: number): void {
    const character = String.fromCodePoint(this.#text.codePointAt(end) ?? 0x20)
    if (` \t\r\n.,|:)(`.includes(character) || this.#text.startsWith('}}', end)) return
    throw new TemplateError(`bad character ${codePoint(character)}`)
  }

  #named(first: string): true {
    const end = this.#wordEnd(this.#at + 1)
    this.#checkEnd(end)
    return this.#push(first === '$' ? 'variable' : end === this.#at + 1 ? 'dot' : 'field', end)
  }

  #word(): true {
    const end = this.#wordEnd(this.#at)
    this.#checkEnd(end)
    const word = this.#text.slice(this.#at, end)
    const kind = keywords.has(word)
      ? 'keyword'
      : word === 'true' || word === 'false'
        ? 'bool'
        : word === 'nil'
          ? 'nil'
          : 'identifier'
    return this.#push(kind, end)
  }

  #number(): true {
    // Only as much as a number can be long, so that a long action is not copied for each of its numbers.
    const found = numberPattern.exec(this.#text.slice(this.#at, this.#at + 400))?.[0] ?? ''
    const end = this.#at + found.length
    const after = String.fromCodePoint(this.#text.codePointAt(end) ?? 0x20)
    if (isWord(after)) throw new TemplateError(`bad number syntax: ${quote(this.#text.slice(this.#at, end + after.length))}`)
    return this.#push('number', end)
  }

  #quoted(quote: string): true {
    for (let end = this.#at + 1; end < this.#text.length && this.#text[end] !== '\n'; end++) {
      if (this.#text[end] === quote) return this.#push(quote === '"' ? 'string' : 'character', end + 1)
      if (this.#text[end] === '\\' && this.#text[end + 1] !== '\n') end++
    }
    throw new TemplateError(quote === '"' ? 'unterminated quoted string' : 'unterminated character constant')
  }

  #raw(): true {
    const end = this.#text.indexOf('`', this.#at + 1)
    if (end === -1) throw new TemplateError('unterminated raw quoted string')
    return this.#push('raw', end + 1)
  }
}

/** The tokens of a template, ending with `end` or `error`. */
export const tokenize = (text: string): readonly Token[] => new Lexer(text).run()
