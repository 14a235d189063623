/** What stands in a command: literals, names, and pipelines in parentheses. `at` is the offset in the template. */
export type Operand =
  | { readonly kind: 'dot'; readonly at: number }
  | { readonly kind: 'nil'; readonly at: number }
  | { readonly kind: 'bool'; readonly at: number; readonly value: boolean }
  | { readonly kind: 'number'; readonly at: number; readonly value: number; readonly text: string }
  | { readonly kind: 'string'; readonly at: number; readonly value: string; readonly text: string }
  | { readonly kind: 'function'; readonly at: number; readonly name: string }
  | { readonly kind: 'field'; readonly at: number; readonly names: readonly string[] }
  | { readonly kind: 'variable'; readonly at: number; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: 'chain'; readonly at: number; readonly of: Operand; readonly names: readonly string[] }
  | { readonly kind: 'pipeline'; readonly at: number; readonly pipeline: Pipeline }

export interface Command {
  readonly at: number
  readonly words: readonly [Operand, ...Operand[]]
}

/** Commands, each the last argument of the next; the value goes to the variables that are declared or assigned. */
export interface Pipeline {
  readonly at: number
  readonly variables: readonly string[]
  readonly assigns: boolean
  readonly commands: readonly Command[]
}

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly pipeline: Pipeline }
  | {
      readonly kind: 'if' | 'with' | 'range'
      readonly at: number
      readonly pipeline: Pipeline
      readonly body: readonly Node[]
      readonly otherwise: readonly Node[]
    }
  | { readonly kind: 'break' | 'continue' }

const dotted = (names: readonly string[]): string => names.map((name) => `.${name}`).join('')

const pipelineText = ({ variables, assigns, commands }: Pipeline): string =>
  (variables.length > 0 ? `${variables.join(', ')} ${assigns ? '=' : ':='} ` : '') +
  commands.map(({ words }) => words.map((word) => operandText(word, true)).join(' ')).join(' | ')

/** An operand as error messages quote it. */
export const operandText = (operand: Operand, nested = false): string => {
  switch (operand.kind) {
    case 'dot':
      return '.'
    case 'nil':
      return 'nil'
    case 'bool':
      return String(operand.value)
    case 'number':
    case 'string':
      return operand.text
    case 'function':
      return operand.name
    case 'field':
      return dotted(operand.names)
    case 'variable':
      return operand.name + dotted(operand.names)
    case 'chain':
      return `${operand.of.kind === 'pipeline' ? `(${operandText(operand.of)})` : operandText(operand.of)}${dotted(operand.names)}`
    case 'pipeline':
      return nested ? `(${pipelineText(operand.pipeline)})` : pipelineText(operand.pipeline)
  }
}

export const commandText = ({ words }: Command): string => words.map((word) => operandText(word, true)).join(' ')
