import { quote, unquote } from '../go-quote.ts'
import { tokenize, type Token, type TokenKind } from './lexer.ts'
import { operandText, type Command, type Node, type Operand, type Pipeline } from './node.ts'
import { TemplateError } from './template-error.ts'

const maxDepth = 200

const tokenText = ({ kind, text }: Token): string => {
  if (kind === 'end') return 'EOF'
  if (kind === 'keyword' || kind === 'dot' || kind === 'nil') return `<${text}>`
  return text.length > 10 ? `${quote(text.slice(0, 10))}...` : quote(text)
}

type Ending = 'end' | 'else'

/** Reads tokens into nodes, with the rules and the words of Go's text/template/parse. */
class Parser {
  readonly #tokens: readonly Token[]
  readonly #isFunction: (name: string) => boolean
  #next = 0
  #variables: string[] = ['$']
  #ranges = 0
  #depth = 0

  constructor(text: string, isFunction: (name: string) => boolean) {
    this.#tokens = tokenize(text)
    this.#isFunction = isFunction
  }

  parse(): readonly Node[] {
    const nodes: Node[] = []
    while (this.#peek().kind !== 'end') {
      const node = this.#textOrAction()
      if (typeof node === 'string') throw this.#error(`unexpected {{${node}}}`)
      nodes.push(node)
    }
    return nodes
  }

  #error(message: string): TemplateError {
    return new TemplateError(message, this.#tokens[Math.max(0, this.#next - 1)]?.at)
  }

  #unexpected(token: Token, context: string): TemplateError {
    return this.#error(token.kind === 'error' ? token.text : `unexpected ${tokenText(token)} in ${context}`)
  }

  /** The last token, `end` or `error`, comes again and again. */
  #peek(): Token {
    return this.#tokens[Math.min(this.#next, this.#tokens.length - 1)] ?? { kind: 'end', text: '', at: 0 }
  }

  #take(): Token {
    const token = this.#peek()
    this.#next = Math.min(this.#next + 1, this.#tokens.length)
    return token
  }

  #skipSpace(): Token {
    while (this.#peek().kind === 'space') this.#take()
    return this.#peek()
  }

  #takeNonSpace(): Token {
    this.#skipSpace()
    return this.#take()
  }

  #expect(kind: TokenKind, context: string): void {
    const token = this.#takeNonSpace()
    if (token.kind !== kind) throw this.#unexpected(token, context)
  }

  #textOrAction(): Node | Ending {
    const token = this.#take()
    if (token.kind === 'text') return { kind: 'text', text: token.text }
    if (token.kind !== 'open') throw this.#unexpected(token, 'input')
    const first = this.#skipSpace()
    if (first.kind !== 'keyword') return { kind: 'action', pipeline: this.#pipeline('command', 'close') }
    this.#take()
    return this.#keyword(first)
  }

  #keyword(token: Token): Node | Ending {
    switch (token.text) {
      case 'if':
      case 'with':
      case 'range':
        return this.#control(token.text, token.at)
      case 'end':
        this.#expect('close', 'end')
        return 'end'
      case 'else':
        // The rest of {{else if}} and {{else with}} is read as a control of its own.
        if (!['if', 'with'].includes(this.#skipSpace().text)) this.#expect('close', 'else')
        return 'else'
      case 'break':
      case 'continue': {
        const name = `{{${token.text}}}`
        this.#expect('close', name)
        if (this.#ranges === 0) throw this.#error(`${name} outside {{range}}`)
        return { kind: token.text }
      }
      default:
        throw this.#error(`{{${token.text}}} is not supported`)
    }
  }

  #control(kind: 'if' | 'with' | 'range', at: number): Node {
    if (++this.#depth > maxDepth) throw this.#error('max control structure depth exceeded')
    const scope = this.#variables.length
    const pipeline = this.#pipeline(kind, 'close')
    if (kind === 'range') this.#ranges++
    const [body, ending] = this.#list()
    if (kind === 'range') this.#ranges--
    const otherwise = ending === 'end' ? [] : this.#otherwise(kind)
    this.#variables.length = scope
    this.#depth--
    return { kind, at, pipeline, body, otherwise }
  }

  #otherwise(kind: 'if' | 'with' | 'range'): readonly Node[] {
    const next = this.#peek()
    if (next.kind === 'keyword' && kind !== 'range' && next.text === kind) {
      this.#take()
      return [this.#control(kind, next.at)]
    }
    if (next.kind === 'keyword') throw this.#unexpected(next, 'input')
    const [nodes, ending] = this.#list()
    if (ending !== 'end') throw this.#error(`expected end; found {{${ending}}}`)
    return nodes
  }

  #list(): readonly [readonly Node[], Ending] {
    const nodes: Node[] = []
    while (this.#peek().kind !== 'end') {
      const node = this.#textOrAction()
      if (typeof node === 'string') return [nodes, node]
      nodes.push(node)
    }
    this.#take()
    throw this.#error('unexpected EOF')
  }

  #pipeline(context: string, end: 'close' | ')'): Pipeline {
    const { at } = this.#skipSpace()
    const { variables, assigns } = this.#declarations(context)
    const commands: Command[] = []
    for (;;) {
      const token = this.#skipSpace()
      if (token.kind === end) break
      if (!startsOperand(token)) {
        this.#take()
        throw this.#unexpected(token, context)
      }
      commands.push(this.#command())
    }
    this.#take()
    if (commands.length === 0) throw this.#error(`missing value for ${context}`)
    for (const [index, { words }] of commands.entries())
      if (index > 0 && ['bool', 'dot', 'nil', 'number', 'string'].includes(words[0].kind))
        throw this.#error(`non executable command in pipeline stage ${index + 1}`)
    return { at, variables, assigns, commands }
  }

  /** `$x :=`, `$x =` and, in a range, `$i, $x :=`; nothing is taken if the variable is an operand. */
  #declarations(context: string): { readonly variables: readonly string[]; readonly assigns: boolean } {
    const variables: string[] = []
    for (;;) {
      const start = this.#next
      const variable = this.#skipSpace()
      if (variable.kind !== 'variable') return { variables, assigns: false }
      this.#take()
      const next = this.#takeNonSpace()
      if (next.kind !== 'assign' && next.kind !== 'declare' && !(next.kind === 'other' && next.text === ',')) {
        this.#next = start
        return { variables, assigns: false }
      }
      variables.push(variable.text)
      if (next.kind === 'assign') this.#checkVariable(variable.text)
      this.#variables.push(variable.text)
      if (next.kind !== 'other') return { variables, assigns: next.kind === 'assign' }
      if (context !== 'range' || variables.length > 1) throw this.#error(`too many declarations in ${context}`)
      if (!['variable', 'close', ')'].includes(this.#skipSpace().kind)) throw this.#error('range can only initialize variables')
    }
  }

  #checkVariable(name: string): void {
    if (!this.#variables.includes(name)) throw this.#error(`undefined variable ${quote(name)}`)
  }

  #command(): Command {
    const { at } = this.#skipSpace()
    const words: Operand[] = []
    for (;;) {
      this.#skipSpace()
      const operand = this.#operand()
      if (operand !== undefined) words.push(operand)
      const token = this.#peek()
      if (token.kind === 'close' || token.kind === ')') break
      this.#take()
      if (token.kind === 'pipe') break
      if (token.kind !== 'space') throw this.#unexpected(token, 'operand')
    }
    const [first, ...rest] = words
    if (first === undefined) throw this.#error('empty command')
    return { at, words: [first, ...rest] }
  }

  #operand(): Operand | undefined {
    const term = this.#term()
    const next = this.#peek()
    if (term === undefined || next.kind !== 'field') return term
    const names: string[] = []
    while (this.#peek().kind === 'field') names.push(this.#take().text.slice(1))
    if (term.kind === 'field' || term.kind === 'variable') return { ...term, at: next.at, names: [...term.names, ...names] }
    if (term.kind === 'function' || term.kind === 'chain' || term.kind === 'pipeline')
      return { kind: 'chain', at: next.at, of: term, names }
    throw this.#error(`unexpected . after term ${quote(operandText(term))}`)
  }

  #term(): Operand | undefined {
    const token = this.#peek()
    const { at, text } = token
    if (!startsOperand(token)) return undefined
    this.#take()
    if (token.kind === 'identifier') {
      if (!this.#isFunction(text)) throw this.#error(`function ${quote(text)} not defined`)
      return { kind: 'function', at, name: text }
    }
    if (token.kind === 'variable') {
      this.#checkVariable(text)
      return { kind: 'variable', at, name: text, names: [] }
    }
    if (token.kind === 'dot' || token.kind === 'nil') return { kind: token.kind, at }
    if (token.kind === 'bool') return { kind: 'bool', at, value: text === 'true' }
    if (token.kind === 'field') return { kind: 'field', at, names: [text.slice(1)] }
    return token.kind === '(' ? this.#parenthesized(at) : this.#literal(token)
  }

  #parenthesized(at: number): Operand {
    if (++this.#depth > maxDepth) throw this.#error('max expression depth exceeded')
    const scope = this.#variables.length
    const pipeline = this.#pipeline('parenthesized pipeline', ')')
    this.#variables.length = scope
    this.#depth--
    return { kind: 'pipeline', at, pipeline }
  }

  #literal({ kind, text, at }: Token): Operand {
    if (kind === 'raw') return { kind: 'string', at, value: text.slice(1, -1).replaceAll('\r', ''), text }
    if (kind === 'number') return { kind, at, value: this.#number(text), text }
    const value = unquote(text)
    if (value === undefined || (kind === 'character' && value === '')) throw this.#error('invalid syntax')
    if (kind === 'string') return { kind, at, value, text }
    const [point = '', ...more] = Array.from(value)
    if (more.length > 0) throw this.#error(`malformed character constant: ${text}`)
    return { kind: 'number', at, value: point.codePointAt(0) ?? 0, text }
  }

  /** Go's numbers, with `_` between digits, `0x`, `0o`, `0b` and a leading zero for octal. */
  #number(text: string): number {
    const digits = text.replace(/^[+-]/, '').replace(/(?<=[0-9a-fA-FxXoObB])_(?=[0-9a-fA-F])/g, '')
    const octal = /^0[0-7]+$/.test(digits)
    const value = octal ? parseInt(digits, 8) : digits === '' ? NaN : Number(digits)
    if (!Number.isFinite(value)) throw this.#error(`illegal number syntax: ${quote(text)}`)
    if (/^\d+$/.test(digits) && ((!octal && /^0\d/.test(digits)) || value >= 2 ** 64))
      throw this.#error(`integer overflow: ${quote(text)}`)
    return text.startsWith('-') ? -value : value
  }
}

const operandKinds = new Set<TokenKind>([
  'bool',
  'character',
  'dot',
  'field',
  'identifier',
  'number',
  'nil',
  'raw',
  'string',
  'variable',
  '(',
])
const startsOperand = (token: Token): boolean => operandKinds.has(token.kind)

/** Parses a template; `isFunction` tells which names may be called. Throws a TemplateError. */
export const parse = (text: string, isFunction: (name: string) => boolean): readonly Node[] =>
  new Parser(text, isFunction).parse()
