import { sprintf } from './printf.ts'
import { TemplateError } from './template-error.ts'
import {
  equal,
  formatValue,
  isMap,
  isSlice,
  isTrue,
  less,
  nilMap,
  nilSlice,
  sprint,
  toValue,
  typeName,
  type Value,
} from './value.ts'

export type ArgumentType = 'string' | 'int' | 'any'

/** A function of templates; `and` and `or` are no functions, since they leave arguments unevaluated. */
export interface TemplateFunction {
  /** The types of the arguments that it must have. */
  readonly parameters: readonly ArgumentType[]
  /** Any further arguments of any type may follow. */
  readonly variadic: boolean
  readonly call: (...args: readonly Value[]) => Value
}

/** Types are checked before a call; these are for TypeScript, and for what functions hand on. */
const text = (value: Value): string => {
  if (typeof value === 'string') return value
  throw new TemplateError(`wrong type for value; expected string; got ${typeName(value)}`)
}

const whole = (value: Value): number => {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  throw new TemplateError(`wrong type for value; expected int; got ${typeName(value)}`)
}

const takes = (parameters: readonly ArgumentType[], call: TemplateFunction['call']): TemplateFunction => ({
  parameters,
  variadic: false,
  call,
})
const takesMore = (parameters: readonly ArgumentType[], call: TemplateFunction['call']): TemplateFunction => ({
  parameters,
  variadic: true,
  call,
})

/** JSON as Go's encoder writes it without HTML escaping; what is missing is null. */
export const toJson = (value: Value): string =>
  JSON.stringify(value, (_key, element: unknown) => (element === nilSlice || element === nilMap ? null : element)) ?? 'null'

/** The key of a map, or "" where all values of the map are strings: Go's maps of labels are typed. */
export const lookUp = (map: Readonly<Record<string, unknown>>, key: string): Value => {
  if (Object.hasOwn(map, key)) return toValue(map[key])
  return Object.values(map).every((value) => typeof value === 'string') ? '' : undefined
}

const length = (value: Value): number => {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (isSlice(value)) return value.length
  if (isMap(value)) return Object.keys(value).length
  throw new TemplateError(value === undefined || value === null ? 'len of nil pointer' : `len of type ${typeName(value)}`)
}

const indexOne = (value: Value, key: Value): Value => {
  if (value === undefined || value === null) throw new TemplateError('index of untyped nil')
  if (isMap(value)) return lookUp(value, text(key))
  if (typeof value !== 'string' && !isSlice(value)) throw new TemplateError(`can't index item of type ${typeName(value)}`)
  const list = typeof value === 'string' ? [...Buffer.from(value)] : value
  if (typeof key !== 'number' || !Number.isInteger(key))
    throw new TemplateError(
      `cannot index slice/array with ${key === null || key === undefined ? 'nil' : `type ${typeName(key)}`}`,
    )
  if (key < 0 || key >= list.length) throw new TemplateError(`index out of range: ${key}`)
  return toValue(list[key])
}

const index = (value: Value, ...keys: readonly Value[]): Value => {
  if (value === undefined || value === null) throw new TemplateError('index of untyped nil')
  return keys.reduce(indexOne, value)
}

const slice = (value: Value, ...bounds: readonly Value[]): Value => {
  if (typeof value !== 'string' && !isSlice(value)) throw new TemplateError(`can't slice item of type ${typeName(value)}`)
  if (bounds.length > (typeof value === 'string' ? 2 : 3)) throw new TemplateError('cannot 3-index slice a string')
  const bytes = typeof value === 'string' ? Buffer.from(value) : undefined
  const size = bytes?.length ?? value.length
  const [from = 0, to = size] = bounds.map(whole)
  for (const bound of [from, to]) if (bound < 0 || bound > size) throw new TemplateError(`index out of range: ${bound}`)
  if (from > to) throw new TemplateError(`invalid slice index: ${from} > ${to}`)
  return bytes === undefined ? value.slice(from, to) : bytes.subarray(from, to).toString()
}

const join = (list: Value, separator: Value): string => {
  if (list === undefined || list === null) return ''
  if (isSlice(list)) return list.map((element) => formatValue(toValue(element))).join(text(separator))
  if (isMap(list))
    return Object.values(list)
      .map((element) => formatValue(toValue(element)))
      .sort()
      .join(text(separator))
  throw new TemplateError(`expected slice, got ${typeName(list)}`)
}

const split = (value: Value, separator: Value): readonly string[] =>
  text(separator) === '' ? Array.from(text(value)) : text(value).split(text(separator))

const htmlEscapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
  '\0': '\uFFFD',
}
const html = (value: string): string => value.replace(/[&<>"'\0]/g, (character) => htmlEscapes[character] ?? '')

const js = (value: string): string =>
  value.replace(/[\\'"]|[<>&=]|[\p{C}\u2028\u2029]/gu, (character) =>
    /[\\'"]/.test(character)
      ? `\\${character}`
      : `\\u${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`,
  )

const urlQuery = (value: string): string =>
  encodeURIComponent(value.toWellFormed()).replace(/%20|[!'()*]/g, (found) =>
    found === '%20' ? '+' : `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  )

/** Case by Go's rules, letter by letter: none becomes two. */
const mapCase = (value: string, map: (letter: string) => string): string =>
  Array.from(value, (letter) => (Array.from(map(letter)).length === 1 ? map(letter) : letter)).join('')

const title = (value: string): string =>
  value.replace(/(?<![\p{L}\p{N}_])\p{L}/gu, (letter) => mapCase(letter, (one) => one.toUpperCase()))

/** Blanks around a text that is not empty. */
const padded = (value: Value, before: Value, after: Value): string => {
  const [left, right] = [whole(before), whole(after)]
  if (left < 0 || right < 0 || left > 10_000 || right > 10_000) throw new TemplateError('negative or too large padding')
  return value === '' ? '' : ' '.repeat(left) + text(value) + ' '.repeat(right)
}

const truncate = (value: Value, size: Value): string => {
  if (whole(size) < 0) throw new TemplateError(`runtime error: slice bounds out of range [:${whole(size)}]`)
  return Array.from(text(value)).slice(0, whole(size)).join('')
}

const comparable = (others: readonly Value[], compare: () => boolean): boolean => {
  if (others.length === 0) throw new TemplateError('missing argument for comparison')
  return compare()
}

const call = (method: Value, ...args: readonly Value[]): Value => {
  if (typeof method !== 'function') throw new TemplateError(`non-function of type ${typeName(method)}`)
  return toValue(method(...args))
}

/** Every function of Go's text/template that prints or compares, and those that docker adds. */
export const functions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['not', takes(['any'], (value) => !isTrue(value))],
  ['eq', takesMore(['any'], (first, ...others) => comparable(others, () => others.some((other) => equal(first, other))))],
  ['ne', takes(['any', 'any'], (a, b) => !equal(a, b))],
  ['lt', takes(['any', 'any'], less)],
  ['le', takes(['any', 'any'], (a, b) => less(a, b) || equal(a, b))],
  ['gt', takes(['any', 'any'], (a, b) => !less(a, b) && !equal(a, b))],
  ['ge', takes(['any', 'any'], (a, b) => !less(a, b))],
  ['len', takes(['any'], length)],
  ['index', takesMore(['any'], index)],
  ['slice', takesMore(['any'], slice)],
  ['print', takesMore([], (...values) => sprint(values))],
  ['println', takesMore([], (...values) => `${values.map(formatValue).join(' ')}\n`)],
  ['printf', takesMore(['string'], (format, ...values) => sprintf(text(format), values))],
  ['html', takesMore([], (...values) => html(sprint(values)))],
  ['js', takesMore([], (...values) => js(sprint(values)))],
  ['urlquery', takesMore([], (...values) => urlQuery(sprint(values)))],
  ['call', takesMore(['any'], call)],
  ['json', takes(['any'], toJson)],
  ['split', takes(['string', 'string'], split)],
  ['join', takes(['any', 'string'], join)],
  ['title', takes(['string'], (value) => title(text(value)))],
  ['lower', takes(['string'], (value) => mapCase(text(value), (letter) => letter.toLowerCase()))],
  ['upper', takes(['string'], (value) => mapCase(text(value), (letter) => letter.toUpperCase()))],
  ['pad', takes(['string', 'int', 'int'], padded)],
  ['truncate', takes(['string', 'int'], truncate)],
])

/** In the heading of a table these leave the heading as it is. */
export const headingFunctions: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ...functions,
  ...['json', 'title', 'lower', 'upper'].map((name) => [name, takes(['any'], (value) => value)] as const),
  ['truncate', takes(['any', 'int'], (value) => value)],
])
