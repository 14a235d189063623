import { TemplateError } from './template-error.ts'

/** A value of a template: JSON, a missing value, or a method of a row that takes arguments. */
export type Value = undefined | null | boolean | number | string | readonly unknown[] | Readonly<Record<string, unknown>> | Method
export type Method = (...args: readonly Value[]) => unknown

/** What docker's typed fields print where JSON has only null: an empty slice or map. */
export const nilSlice: readonly unknown[] = Object.freeze([])
export const nilMap: Readonly<Record<string, unknown>> = Object.freeze({})

export const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const isSlice = (value: unknown): value is readonly unknown[] => Array.isArray(value)

/** Anything as a value: dates become text, big numbers numbers. */
export const toValue = (value: unknown): Value => {
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'symbol' ? undefined : (value as Value)
}

/** The name of the type that Go would give a value of JSON. */
export const typeName = (value: Value): string => {
  if (value === undefined || value === null) return '<nil>'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  if (typeof value === 'function') return 'func'
  return isSlice(value) ? '[]interface {}' : 'map[string]interface {}'
}

export const sortedKeys = (map: Readonly<Record<string, unknown>>): readonly string[] => Object.keys(map).sort()

/** Go's truth: empty and zero values are false. */
export const isTrue = (value: Value): boolean => {
  if (isSlice(value)) return value.length > 0
  return isMap(value) ? Object.keys(value).length > 0 : Boolean(value)
}

/** Go's `%v` of a number: whole ones in full, others as the shortest decimal, with an exponent from 1e6 up and below 1e-4. */
export const formatNumber = (value: number): string => {
  const size = Math.abs(value)
  if ((Number.isInteger(value) && size < 1e21) || (size >= 1e-4 && size < 1e6)) return String(value)
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
}

/** Go's `%v` of a value: `[a b]`, `map[k:v]` with sorted keys. */
export const formatValue = (value: Value): string => {
  if (value === undefined || value === null) return '<nil>'
  if (typeof value === 'number') return formatNumber(value)
  if (isSlice(value)) return `[${value.map((element) => formatValue(toValue(element))).join(' ')}]`
  if (isMap(value))
    return `map[${sortedKeys(value)
      .map((key) => `${key}:${formatValue(toValue(value[key]))}`)
      .join(' ')}]`
  return typeof value === 'function' ? 'func' : String(value)
}

/** What an action prints. */
export const printedValue = (value: Value): string => (value === undefined || value === null ? '<no value>' : formatValue(value))

/** Go's fmt.Sprint: a space between neighbours of which neither is a string. */
export const sprint = (values: readonly Value[]): string =>
  values
    .map((value, index) => {
      const spaced = index > 0 && typeof value !== 'string' && typeof values[index - 1] !== 'string'
      return (spaced ? ' ' : '') + formatValue(value)
    })
    .join('')

/** Go's `eq` of two values: of one kind, or an error. */
export const equal = (a: Value, b: Value): boolean => {
  if (a === undefined || a === null || b === undefined || b === null) return (a ?? null) === (b ?? null)
  if (typeof a !== typeof b) throw new TemplateError('incompatible types for comparison')
  if (typeof a === 'object' || typeof a === 'function')
    throw new TemplateError(`non-comparable type ${formatValue(a)}: ${typeName(a)}`)
  return a === b
}

/** Go's `lt` of two values: numbers or strings. */
export const less = (a: Value, b: Value): boolean => {
  if (typeof a === 'number' && typeof b === 'number') return a < b
  // Go compares bytes of UTF-8, which is the order of code points.
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0
  throw new TemplateError(isOrdered(a) && isOrdered(b) ? 'incompatible types for comparison' : 'invalid type for comparison')
}

const isOrdered = (value: Value): boolean => typeof value === 'number' || typeof value === 'string'
