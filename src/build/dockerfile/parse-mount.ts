import { csvFields } from '../../lib/csv-fields.ts'
import { isGantryError } from '../../lib/errors.ts'
import { parseSize } from '../../lib/parse-size.ts'
import { invalid } from './instruction-request.ts'
import { didYouMean } from './suggest.ts'

const types = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const
const sharings = ['shared', 'private', 'locked'] as const

/** A `RUN --mount=…` with its variables expanded; what was not given is absent or empty. */
export interface MountOptions {
  readonly type: (typeof types)[number]
  readonly from: string
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
  /** Bytes; 0 for no limit. */
  readonly size: number
  readonly id: string
  readonly sharing?: (typeof sharings)[number]
  readonly required: boolean
  /** Variable that a secret is given in; '' for one that goes by the secret's name. */
  readonly env?: string
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

type Draft = { -readonly [K in keyof MountOptions]: MountOptions[K] }

const keys = [
  'type',
  'from',
  'source',
  'target',
  'readonly',
  'id',
  'sharing',
  'required',
  'size',
  'mode',
  'uid',
  'gid',
  'src',
  'dst',
  'destination',
  'ro',
  'rw',
  'readwrite',
  'env',
]

/** Refuses what is wrong with a mount whatever its variables hold: it is called where the Dockerfile is read. */
export const checkMount = (text: string): void => {
  for (const field of fieldsOf(text)) {
    const { key, value } = split(field)
    if (key !== 'from' || value === undefined) continue
    const dollar = value.indexOf('$')
    if (dollar >= 0 && dollar !== value.length - 1)
      throw invalid(`'${key}' doesn't support variable expansion, define alias stage instead`)
  }
}

/** Reads a mount; keys count from left to right, as in BuildKit. `invalid_argument` in its words. */
export const parseMount = (text: string, expand: (word: string) => string): MountOptions => {
  const mount: Draft = { type: 'bind', from: '', source: '', target: '', readOnly: false, size: 0, id: '', required: false }
  let access: boolean | undefined
  for (const field of fieldsOf(text)) {
    const { key, value } = split(field)
    if (value === undefined) {
      if (key === 'readonly' || key === 'ro') access = true
      else if (key === 'readwrite' || key === 'rw') access = false
      else if (key === 'required' && isPrivate(mount)) mount.required = true
      else if (key === 'required') throw unexpected(key, mount)
      else throw invalid(`invalid field '${field}' must be a key=value pair`)
      continue
    }
    const given = expand(value)
    if (key === 'readonly' || key === 'ro') access = booleanOf(key, given)
    else if (key === 'readwrite' || key === 'rw') access = !booleanOf(key, given)
    else setField(mount, key, given, field)
  }
  mount.readOnly = access ?? (mount.type !== 'cache' && mount.type !== 'tmpfs')
  check(mount)
  return mount
}

const fieldsOf = (text: string): readonly string[] => {
  try {
    return csvFields(text)
  } catch (error) {
    if (isGantryError(error)) throw invalid(`failed to parse csv mounts: ${error.message}`)
    throw error
  }
}

const split = (field: string): { readonly key: string; readonly value?: string } => {
  const equals = field.indexOf('=')
  if (equals < 0) return { key: field.toLowerCase() }
  return { key: field.slice(0, equals).toLowerCase(), value: field.slice(equals + 1) }
}

const isPrivate = ({ type }: Draft): boolean => type === 'secret' || type === 'ssh'

const unexpected = (key: string, { type }: Draft): Error => invalid(`unexpected key '${key}' for mount type '${type}'`)

const setField = (mount: Draft, key: string, value: string, field: string): void => {
  switch (key) {
    case 'type':
      mount.type = oneOf(types, value, 'unsupported mount type')
      return
    case 'sharing':
      mount.sharing = oneOf(sharings, value, 'unsupported sharing value')
      return
    case 'from':
    case 'id':
    case 'env':
      mount[key] = value
      return
    case 'source':
    case 'src':
      mount.source = value
      return
    case 'target':
    case 'dst':
    case 'destination':
      mount.target = value
      return
    case 'required':
      if (!isPrivate(mount)) throw unexpected(key, mount)
      mount.required = booleanOf(key, value)
      return
    case 'size':
      if (mount.type !== 'tmpfs') throw unexpected(key, mount)
      mount.size = sizeOf(key, value)
      return
    case 'mode':
      mount.mode = numberOf(key, value, 8)
      return
    case 'uid':
    case 'gid':
      mount[key] = numberOf(key, value, 10)
      return
    default:
      throw invalid(`unexpected key '${key}' in '${field}'${didYouMean(key, keys)}`)
  }
}

const oneOf = <T extends string>(options: readonly T[], value: string, reason: string): T => {
  const found = options.find((one) => one === value.toLowerCase())
  if (found === undefined) throw invalid(`${reason} ${JSON.stringify(value)}${didYouMean(value, options)}`)
  return found
}

/** As Go's strconv.ParseBool. */
const booleanOf = (key: string, value: string): boolean => {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw invalid(`invalid value for ${key}: ${value}`)
}

/** As Go's strconv.ParseUint of 32 bits. */
const numberOf = (key: string, value: string, base: 8 | 10): number => {
  const number = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(value) ? Number.parseInt(value, base) : Infinity
  if (number > 0xffff_ffff) throw invalid(`invalid value ${value} for ${key}`)
  return number
}

const sizeOf = (key: string, value: string): number => {
  try {
    return parseSize(value)
  } catch (error) {
    if (isGantryError(error)) throw invalid(`invalid value for ${key}: ${value}`)
    throw error
  }
}

const check = (mount: MountOptions): void => {
  const { type } = mount
  if (type === 'bind' || type === 'tmpfs')
    for (const key of ['mode', 'uid', 'gid'] as const)
      if (mount[key] !== undefined) throw invalid(`${key} not allowed for "${type}" type mounts`)
  if (type === 'secret') {
    if (mount.from !== '') throw invalid('secret mount should not have a from')
    if (mount.sharing !== undefined) throw invalid('secret mount should not define sharing')
    if (mount.source === '' && mount.target === '' && mount.id === '')
      throw invalid('invalid secret mount. one of source, target required')
    if (mount.source !== '' && mount.id !== '') throw invalid("both source and id can't be set")
  }
  if (type === 'ssh' && mount.source !== '') throw invalid('ssh does not support source')
  if (mount.sharing !== undefined && type !== 'cache') throw invalid(`invalid cache sharing set for ${type} mount`)
}
