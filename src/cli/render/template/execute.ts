import { quote } from '../go-quote.ts'
import { lookUp, type ArgumentType, type TemplateFunction } from './functions.ts'
import { commandText, operandText, type Command, type Node, type Operand, type Pipeline } from './node.ts'
import { TemplateError } from './template-error.ts'
import { isMap, isSlice, isTrue, nilMap, nilSlice, printedValue, sortedKeys, toValue, typeName, type Value } from './value.ts'

/** What {{break}} and {{continue}} tell the range around them. */
type Jump = 'break' | 'continue' | undefined

type Control = Extract<Node, { readonly kind: 'if' | 'with' | 'range' }>

interface Variable {
  readonly name: string
  value: Value
}

const nilSlices = new Set(['Cmd', 'Entrypoint', 'Env', 'OnBuild', 'Shell', 'RepoTags', 'RepoDigests', 'Layers', 'Args'])
const nilMaps = new Set(['Labels', 'Volumes', 'ExposedPorts', 'Annotations', 'Options'])
const goField = /^[A-Z][A-Za-z0-9]*$/

/** An object all of whose keys are exported Go names stands for a struct, where a missing field is a mistake and no missing value. */
const isStruct = (map: Readonly<Record<string, unknown>>): boolean => {
  const keys = Object.keys(map)
  return keys.length > 0 && keys.every((key) => goField.test(key))
}

/** A template ends, however large the numbers in it are: characters, and turns of all its ranges together. */
const maxOutput = 64 << 20
const maxIterations = 1_000_000

/** One run of a template over one value (Go text/template exec.go). */
export class Execution {
  readonly #functions: ReadonlyMap<string, TemplateFunction>
  readonly #strict: boolean
  readonly #variables: Variable[]
  #output = ''
  #iterations = 0

  /** With `strict` a field that a struct does not have is an error, else a missing value. */
  constructor(functions: ReadonlyMap<string, TemplateFunction>, data: Value, strict: boolean) {
    this.#functions = functions
    this.#strict = strict
    this.#variables = [{ name: '$', value: data }]
  }

  run(nodes: readonly Node[], dot: Value): string {
    this.#walkAll(nodes, dot)
    return this.#output
  }

  #write(text: string): void {
    if (this.#output.length + text.length > maxOutput) throw new TemplateError('output too large')
    this.#output += text
  }

  #walkAll(nodes: readonly Node[], dot: Value): Jump {
    for (const node of nodes) {
      const jump = this.#walk(node, dot)
      if (jump !== undefined) return jump
    }
    return undefined
  }

  #walk(node: Node, dot: Value): Jump {
    switch (node.kind) {
      case 'text':
        this.#write(node.text)
        return undefined
      case 'action': {
        const value = this.#pipeline(node.pipeline, dot)
        if (node.pipeline.variables.length === 0) this.#write(printedValue(value))
        return undefined
      }
      case 'if':
      case 'with':
        return this.#scope(() => {
          const value = this.#pipeline(node.pipeline, dot)
          return isTrue(value) ? this.#walkAll(node.body, node.kind === 'with' ? value : dot) : this.#walkAll(node.otherwise, dot)
        })
      case 'range':
        return this.#scope(() => this.#range(node, dot))
      case 'break':
      case 'continue':
        return node.kind
    }
  }

  /** Variables that are declared inside end with it. */
  #scope(body: () => Jump): Jump {
    const mark = this.#variables.length
    const jump = body()
    this.#variables.length = mark
    return jump
  }

  #range({ pipeline, body, otherwise }: Control, dot: Value): Jump {
    const { variables, assigns, commands, at } = pipeline
    const value = this.#commands(pipeline, dot)
    const elements = rangeOf(value)
    if (elements === undefined)
      throw new TemplateError(`range can't iterate over ${printedValue(value)}`, at, commands.map(commandText).join(' | '))
    let any = false
    for (const [key, element] of elements) {
      any = true
      if (++this.#iterations > maxIterations) throw new TemplateError('too many iterations')
      const values = variables.length === 1 ? [element] : [key, element]
      const jump = this.#scope(() => {
        for (const [index, name] of variables.entries()) this.#store(name, values[index], assigns)
        return this.#walkAll(body, element)
      })
      if (jump === 'break') break
    }
    return any ? undefined : this.#walkAll(otherwise, dot)
  }

  #store(name: string, value: Value, assigns: boolean): void {
    const known = assigns ? this.#variables.findLast((variable) => variable.name === name) : undefined
    if (known === undefined) this.#variables.push({ name, value })
    else known.value = value
  }

  #pipeline(pipeline: Pipeline, dot: Value): Value {
    const value = this.#commands(pipeline, dot)
    for (const name of pipeline.variables) this.#store(name, value, pipeline.assigns)
    return value
  }

  #commands({ commands }: Pipeline, dot: Value): Value {
    let piped: readonly Value[] = []
    for (const command of commands) piped = [this.#command(command, dot, piped)]
    return piped[0]
  }

  #command(command: Command, dot: Value, piped: readonly Value[]): Value {
    const [first, ...rest] = command.words
    const lazily = (): readonly Value[] => [...rest.map((word) => this.#operand(word, dot)), ...piped]
    if (first.kind === 'function') return this.#call(command, first.name, rest, dot, piped)
    if (first.kind === 'field') return this.#fields(dot, first.names, first, lazily)
    if (first.kind === 'variable') return this.#fields(this.#variable(first.name), first.names, first, lazily)
    if (first.kind === 'chain') return this.#fields(this.#operand(first.of, dot), first.names, first, lazily)
    if (rest.length > 0 || piped.length > 0)
      throw new TemplateError(`can't give argument to non-function ${operandText(first)}`, first.at, operandText(first))
    if (first.kind === 'nil') throw new TemplateError('nil is not a command', first.at, 'nil')
    return this.#operand(first, dot)
  }

  #operand(operand: Operand, dot: Value): Value {
    switch (operand.kind) {
      case 'dot':
        return dot
      case 'nil':
        return null
      case 'bool':
      case 'number':
      case 'string':
        return operand.value
      case 'field':
        return this.#fields(dot, operand.names, operand)
      case 'variable':
        return this.#fields(this.#variable(operand.name), operand.names, operand)
      case 'chain':
        if (operand.of.kind === 'nil')
          throw new TemplateError(`indirection through explicit nil in ${operandText(operand)}`, operand.at, operandText(operand))
        return this.#fields(this.#operand(operand.of, dot), operand.names, operand)
      case 'pipeline':
        return this.#pipeline(operand.pipeline, dot)
      case 'function':
        return this.#call({ at: operand.at, words: [operand] }, operand.name, [], dot, [])
    }
  }

  #variable(name: string): Value {
    return this.#variables.findLast((variable) => variable.name === name)?.value
  }

  #call(command: Command, name: string, words: readonly Operand[], dot: Value, piped: readonly Value[]): Value {
    const fail = (message: string, context = name): never => {
      throw new TemplateError(message, command.words[0].at, context)
    }
    const count = words.length + piped.length
    if (name === 'and' || name === 'or') {
      if (count === 0) return fail(`wrong number of args for ${name}: want at least 1 got 0`)
      return this.#shortCircuit(name, words, dot, piped)
    }
    const known = this.#functions.get(name) ?? fail(`${quote(name)} is not a defined function`)
    const { length } = known.parameters
    if (count < length || (count > length && !known.variadic))
      return fail(`wrong number of args for ${name}: want ${known.variadic ? 'at least ' : ''}${length} got ${count}`)
    const args = words.map((word, index) => checkArgument(known.parameters[index] ?? 'any', this.#operand(word, dot), word))
    for (const value of piped) args.push(checkArgument(known.parameters[args.length] ?? 'any', value, command.words[0]))
    try {
      return known.call(...args)
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error
      return fail(`error calling ${name}: ${error.message}`, commandText(command))
    }
  }

  /** The first argument that decides, else the last; what comes after it is not evaluated. */
  #shortCircuit(name: 'and' | 'or', words: readonly Operand[], dot: Value, piped: readonly Value[]): Value {
    let value: Value
    for (const word of words) {
      value = this.#operand(word, dot)
      if (isTrue(value) === (name === 'or')) return value
    }
    return piped.length > 0 ? piped[0] : value
  }

  #fields(start: Value, names: readonly string[], operand: Operand, args: () => readonly Value[] = () => []): Value {
    let value = start
    for (const name of names) {
      if (typeof value === 'function') value = toValue(value())
      value = fieldOf(value, name, operand, this.#strict)
    }
    const given = args()
    if (typeof value === 'function') return toValue(value(...given))
    if (given.length > 0) {
      const name = names.at(-1) ?? operandText(operand)
      throw new TemplateError(
        names.length > 0
          ? `${name} has arguments but cannot be invoked as function`
          : `can't give argument to non-function ${name}`,
        operand.at,
        operandText(operand),
      )
    }
    return value
  }
}

/** A value that a function takes for an argument; a literal of a wrong type is called by its text, as Go does. */
const checkArgument = (type: ArgumentType, value: Value, operand: Operand): Value => {
  if (type === 'any' || typeName(value) === type) return value
  const fail = (message: string): never => {
    throw new TemplateError(message, operand.at, operandText(operand))
  }
  if (operand.kind === 'nil') return fail(`cannot assign nil to ${type}`)
  if (operand.kind === 'string' || operand.kind === 'number' || operand.kind === 'bool')
    return fail(`expected ${type === 'int' ? 'integer' : type}; found ${operandText(operand)}`)
  return fail(
    value === undefined || value === null
      ? `invalid value; expected ${type}`
      : `wrong type for value; expected ${type}; got ${typeName(value)}`,
  )
}

const fieldOf = (value: Value, name: string, operand: Operand, strict: boolean): Value => {
  const fail = (message: string): never => {
    throw new TemplateError(message, operand.at, operandText(operand))
  }
  if (value === undefined) return undefined
  if (value === null) return fail(`nil pointer evaluating interface {}.${name}`)
  if (!isMap(value)) return fail(`can't evaluate field ${name} in type ${typeName(value)}`)
  if (!Object.hasOwn(value, name)) return strict && isStruct(value) ? fail(`map has no entry for key ${quote(name)}`) : undefined
  const found = toValue(value[name])
  if (found !== null) return found
  return nilSlices.has(name) ? nilSlice : nilMaps.has(name) ? nilMap : null
}

/** Keys and elements to go through, undefined for what cannot be gone through; keys of maps are sorted. */
const rangeOf = (value: Value): Iterable<readonly [key: Value, element: Value]> | undefined => {
  if (value === undefined || value === null) return []
  if (isSlice(value)) return value.map((element, index) => [index, toValue(element)] as const)
  if (isMap(value)) return sortedKeys(value).map((key) => [key, lookUp(value, key)] as const)
  if (typeof value === 'number' && Number.isInteger(value)) return counted(value)
  return undefined
}

function* counted(count: number): Iterable<readonly [Value, Value]> {
  for (let index = 0; index < count; index++) yield [index, index]
}
