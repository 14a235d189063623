import { GantryError } from '../lib/errors.ts'

/** A value of untrusted JSON and where it stands, for messages: `what` names the document, `path` the place in it. */
export interface Place {
  readonly what: string
  readonly path: string
  readonly value: unknown
}

const describePlace = ({ what, path }: Place): string => (path === '' ? what : `${what}: "${path}"`)

/** The error for a value that is not what it must be. */
export const shapeError = (place: Place, expected: string): GantryError =>
  new GantryError('invalid_argument', 'JSON_SHAPE', `Cannot read ${describePlace(place)} is not ${expected}`, {
    detail: { path: place.path, reason: `is not ${expected}` },
  })

/** The value of a key, own properties only. */
export const at = ({ what, path, value }: Place, key: string): Place => ({
  what,
  path: path === '' ? key : `${path}.${key}`,
  value: isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined,
})

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Encoders in Go write null for what is empty: null counts as absent. */
export const isAbsent = ({ value }: Place): boolean => value === undefined || value === null

export const asString = (place: Place): string => {
  if (typeof place.value !== 'string') throw shapeError(place, 'a string')
  return place.value
}

export const asCount = (place: Place): number => {
  const { value } = place
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw shapeError(place, 'a whole number of 0 or more')
  return value
}

export const asRecord = (place: Place): Readonly<Record<string, unknown>> => {
  if (!isRecord(place.value)) throw shapeError(place, 'an object')
  return place.value
}

/** Every element of an array of at most `limit`, read by `read`. */
export const asList = <T>(place: Place, limit: number, read: (element: Place) => T): readonly T[] => {
  const { what, path, value } = place
  if (!Array.isArray(value)) throw shapeError(place, 'an array')
  if (value.length > limit)
    throw new GantryError('resource_exhausted', 'TOO_MANY', `Cannot read ${describePlace(place)} has more than ${limit} elements`)
  return value.map((element: unknown, index) => read({ what, path: `${path}[${index}]`, value: element }))
}

export const asStringMap = (place: Place): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.keys(asRecord(place)).map((key) => [key, asString(at(place, key))]))

/** `{ [key]: value }` for an object literal's spread, or nothing if the value is absent. */
export const optional = <K extends string, T>(place: Place, key: K, read: (place: Place) => T): { readonly [P in K]?: T } => {
  const found = at(place, key)
  return (isAbsent(found) ? {} : { [key]: read(found) }) as { readonly [P in K]?: T }
}
