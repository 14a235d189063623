import { isRecord } from '../../oci/json-shape.ts'

/** Readers of values that others wrote: what is not of the kind that is asked for is not there. */

/** An object's own keys and values. */
export const entriesOf = (value: unknown): ReadonlyMap<string, unknown> =>
  isRecord(value) ? new Map(Object.entries(value)) : new Map<string, unknown>()

/** The keys and values of an object that are both text. */
export const textsOf = (value: unknown): ReadonlyMap<string, string> => {
  const texts = new Map<string, string>()
  for (const [key, one] of entriesOf(value)) if (typeof one === 'string') texts.set(key, one)
  return texts
}

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The strings of a list; one string is a list of one. */
export const listOf = (value: unknown): readonly string[] =>
  typeof value === 'string' ? [value] : Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []

/** Whether a value says yes; YAML is read without types. */
export const isTrue = (value: unknown): boolean => value === true || value === 'true'
