import { GantryError } from '../../lib/errors.ts'
import { removePrefix, removeSuffix, replacePattern } from './shell-pattern.ts'
import { isSpace } from './text.ts'

/** The value of a variable, undefined where it is not set. */
export type Lookup = (name: string) => string | undefined

export interface ExpandOptions {
  /** The Dockerfile's escape character. Default `\`. */
  readonly escape?: string
  /** Quotes stay in the result. */
  readonly rawQuotes?: boolean
  /** Escape characters stay in the result. */
  readonly rawEscapes?: boolean
  /** Quotes are characters like any other: the text of a heredoc. */
  readonly literalQuotes?: boolean
  /** A variable that is not set is left as it is written. */
  readonly keepUnset?: boolean
}

/** What an expansion gave: the text, its words, and the names of variables that were asked for. */
export interface Expansion {
  readonly text: string
  /** The text split at blanks that were neither quoted nor escaped, after substitution. */
  readonly words: readonly string[]
  readonly used: ReadonlySet<string>
  readonly unset: ReadonlySet<string>
}

/** Most characters that one expansion may give, and how deep `${a:-${b:-…}}` may go. */
const lengthLimit = 1024 * 1024
const depthLimit = 100

/**
 * Substitutes variables and removes quotes and escapes as BuildKit's frontend does for one word or line of an instruction
 * (Dockerfile reference §Environment replacement). `invalid_argument` for a bad substitution, with BuildKit's words.
 */
export const expand = (source: string, lookup: Lookup, options: ExpandOptions = {}): Expansion => {
  const lexer = new Lexer(source, lookup, options)
  const { text, words } = lexer.run()
  return { text, words, used: lexer.used, unset: lexer.unset }
}

const specialParameters = '@*#?-$!0'

class WordList {
  readonly words: string[] = []
  #word = ''
  #inWord = false

  add(text: string): void {
    for (const character of text) {
      if (!isSpace(character)) this.addRaw(character)
      else if (this.#inWord && this.#word !== '') {
        this.words.push(this.#word)
        this.#word = ''
        this.#inWord = false
      }
    }
  }

  addRaw(text: string): void {
    this.#word += text
    this.#inWord = true
  }

  end(): readonly string[] {
    if (this.#word !== '') this.words.push(this.#word)
    return this.words
  }
}

class Lexer {
  readonly used = new Set<string>()
  readonly unset = new Set<string>()
  readonly #source: string
  readonly #characters: readonly string[]
  readonly #lookup: Lookup
  readonly #options: ExpandOptions
  readonly #escape: string
  #at = 0
  #depth = 0

  constructor(source: string, lookup: Lookup, options: ExpandOptions) {
    this.#source = source
    this.#characters = Array.from(source)
    this.#lookup = lookup
    this.#options = options
    this.#escape = options.escape ?? '\\'
  }

  run(): { readonly text: string; readonly words: readonly string[] } {
    return this.#until(undefined, this.#options.rawEscapes === true)
  }

  #peek(): string | undefined {
    return this.#characters[this.#at]
  }

  #next(): string | undefined {
    return this.#characters[this.#at++]
  }

  #error(reason: string): GantryError {
    const source = this.#source.length > 200 ? `${this.#source.slice(0, 200)}…` : this.#source
    return new GantryError('invalid_argument', 'EXPANSION_INVALID', `failed to process "${source}": ${reason}`)
  }

  /** Everything up to the stop character, or to the end without one. */
  #until(stop: string | undefined, raw: boolean): { readonly text: string; readonly words: readonly string[] } {
    const words = new WordList()
    let text = ''
    for (;;) {
      if (text.length > lengthLimit) throw this.#error(`the result has more than ${lengthLimit} characters`)
      const character = this.#peek()
      if (character === undefined) break
      if (character === stop) {
        this.#at++
        return { text, words: words.end() }
      }
      if (character === '$') {
        const value = this.#dollar()
        text += value
        words.add(value)
        continue
      }
      const special = this.#quoted(character, raw)
      if (special !== undefined) {
        text += special
        words.addRaw(special)
        continue
      }
      this.#at++
      if (character !== this.#escape) {
        text += character
        words.add(character)
        continue
      }
      const escaped = this.#next()
      const kept = (raw ? character : '') + (escaped ?? '')
      text += kept
      if (kept !== '') words.addRaw(kept)
    }
    if (stop !== undefined) throw this.#error(stop === '}' ? "syntax error: missing '}'" : "syntax error: missing '/' in ${}")
    return { text, words: words.end() }
  }

  /** A quoted part, or the beginning of a heredoc, which is one word with the blanks in it; undefined for anything else. */
  #quoted(character: string, raw: boolean): string | undefined {
    if (character === '<') {
      this.#at++
      if (this.#peek() !== '<') return '<'
      this.#at++
      let blanks = ''
      for (let next = this.#peek(); next === ' ' || next === '\t' || next === '\r'; next = this.#peek()) {
        blanks += next
        this.#at++
      }
      return `<<${blanks}`
    }
    if (this.#options.literalQuotes === true) return undefined
    if (character === "'") return this.#singleQuoted()
    return character === '"' ? this.#doubleQuoted(raw) : undefined
  }

  #singleQuoted(): string {
    const start = this.#at++
    const end = this.#characters.indexOf("'", this.#at)
    if (end < 0) throw this.#error('unexpected end of statement while looking for matching single-quote')
    this.#at = end + 1
    const [from, to] = this.#options.rawQuotes === true ? [start, end + 1] : [start + 1, end]
    return this.#characters.slice(from, to).join('')
  }

  #doubleQuoted(raw: boolean): string {
    this.#at++
    const quote = this.#options.rawQuotes === true ? '"' : ''
    let text = quote
    for (;;) {
      const character = this.#peek()
      if (character === undefined) throw this.#error('unexpected end of statement while looking for matching double-quote')
      if (character === '$') {
        text += this.#dollar()
        continue
      }
      this.#at++
      if (character === '"') return text + quote
      if (character !== this.#escape) {
        text += character
        continue
      }
      if (raw) text += character
      const next = this.#peek()
      if (next === undefined) continue
      // only these can be escaped between double quotes; before anything else the escape character stands for itself
      if (next === '"' || next === '$' || next === this.#escape) {
        text += next
        this.#at++
      } else text += character
    }
  }

  #dollar(): string {
    this.#at++
    if (this.#peek() !== '{') {
      const name = this.#name()
      if (name === '') return '$'
      return this.#value(name) ?? (this.#options.keepUnset === true ? `$${name}` : '')
    }
    this.#at++
    const first = this.#peek()
    if (first === undefined) throw this.#error("syntax error: missing '}'")
    if ('{}:'.includes(first)) throw this.#error('syntax error: bad substitution')
    if (++this.#depth > depthLimit) throw this.#error(`substitutions are nested deeper than ${depthLimit}`)
    const value = this.#braced(this.#name())
    this.#depth--
    return value
  }

  #braced(name: string): string {
    const { keepUnset = false } = this.#options
    let operator = this.#next() ?? ''
    let modifier = operator
    switch (operator) {
      case '':
        throw this.#error("syntax error: missing '}'")
      case '}':
        return this.#value(name) ?? (keepUnset ? `\${${name}}` : '')
      case '/':
        return this.#replace(name)
      case ':':
        operator = this.#next() ?? ''
        modifier += operator
    }
    const pattern = operator === '#' || operator === '%'
    if (operator === '' || !'+-?#%'.includes(operator) || (pattern && modifier.length > 1))
      throw this.#error(`unsupported modifier (${modifier}) in substitution`)
    const word = this.#until('}', pattern).text
    const value = this.#value(name)
    if (value === undefined && keepUnset) return `\${${name}${modifier}${word}}`
    if (pattern) {
      const longest = word.startsWith(operator)
      const remove = operator === '#' ? removePrefix : removeSuffix
      return remove(longest ? word.slice(1) : word, value ?? '', longest)
    }
    const absent = value === undefined || (modifier.length > 1 && value === '')
    if (operator === '-') return absent ? word : value
    if (operator === '+') return absent ? '' : word
    if (absent) throw this.#error(`${name}: ${word || `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`}`)
    return value
  }

  #replace(name: string): string {
    const all = this.#peek() === '/'
    if (all) this.#at++
    const pattern = this.#until('/', true).text
    const replacement = this.#until('}', true).text
    const value = this.#value(name)
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}/${pattern}/${replacement}}`
    return replacePattern(pattern, value ?? '', replacement, all)
  }

  #value(name: string): string | undefined {
    const value = this.#lookup(name)
    ;(value === undefined ? this.unset : this.used).add(name)
    return value
  }

  /** A name, a run of digits, or one of the shell's special parameters. */
  #name(): string {
    const first = this.#peek()
    if (first === undefined) return ''
    if (specialParameters.includes(first) && first !== '0') {
      this.#at++
      return first
    }
    const allowed = /\p{Nd}/u.test(first) ? /\p{Nd}/u : /[\p{L}\p{Nd}_]/u
    let name = ''
    for (let next = this.#peek(); next !== undefined && allowed.test(next); next = this.#peek()) {
      name += next
      this.#at++
    }
    return name
  }
}
