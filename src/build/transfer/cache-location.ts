import { GantryError, isGantryError } from '../../lib/errors.ts'
import { csvFields } from '../../lib/csv-fields.ts'
import { didYouMean } from '../dockerfile/suggest.ts'

/** Where a cache is read from. */
export type CacheSourceLocation =
  | { readonly type: 'registry'; readonly reference: string }
  /** An OCI layout; `name` is a tag or a digest in it. */
  | { readonly type: 'local'; readonly folder: string; readonly name: string }

/** Where a cache goes to. */
export type CacheTargetLocation = CacheSourceLocation | { readonly type: 'inline' }

export interface CacheCompression {
  readonly compression?: 'none' | 'gzip' | 'zstd'
  readonly compressionLevel?: number
  readonly forceCompression?: boolean
}

export interface CacheTarget extends CacheCompression {
  readonly location: CacheTargetLocation
  /** `min`: the steps whose layers the image has; `max`: all. */
  readonly mode: 'min' | 'max'
  /** Whether a failure is only told. */
  readonly ignoreError: boolean
}

/** A location as messages name it. */
export const formatCacheLocation = (location: CacheTargetLocation): string =>
  location.type === 'registry' ? location.reference : location.type === 'local' ? location.folder : 'inline'

/** `--cache-from`: `type=registry,ref=NAME`, `type=local,src=FOLDER`, or the name of an image. */
export const parseCacheFrom = (text: string): CacheSourceLocation => {
  const fields = readFields('cache-from', text)
  const type = fields.take('type')
  const location = readLocation(fields, type, 'src')
  fields.end()
  if (location.type !== 'inline') return location
  throw wrong('cache-from', text, 'type=inline is for --cache-to: name the image that has it')
}

/** `--cache-to`: as `--cache-from` with `dest=FOLDER`, or `type=inline`, and how it is to be written. */
export const parseCacheTo = (text: string): CacheTarget => {
  const fields = readFields('cache-to', text)
  const type = fields.take('type')
  const location = readLocation(fields, type, 'dest')
  const mode = fields.oneOf('mode', ['min', 'max']) ?? 'min'
  if (location.type === 'inline' && mode === 'max')
    throw wrong('cache-to', text, 'an image holds the steps of its own layers only: mode=max needs type=registry or type=local')
  const compression = fields.oneOf('compression', ['uncompressed', 'gzip', 'zstd'])
  const level = fields.take('compression-level')
  if (level !== undefined && !/^\d{1,2}$/.test(level)) throw wrong('cache-to', text, `compression-level "${level}" is no number`)
  const force = fields.flag('force-compression')
  const ignoreError = fields.flag('ignore-error') ?? false
  if (fields.flag('image-manifest') === false || fields.flag('oci-mediatypes') === false)
    throw wrong('cache-to', text, 'a cache is an OCI image manifest: image-manifest and oci-mediatypes cannot be false')
  fields.end()
  return {
    location,
    mode,
    ignoreError,
    ...(compression === undefined ? {} : { compression: compression === 'uncompressed' ? 'none' : compression }),
    ...(level === undefined ? {} : { compressionLevel: Number(level) }),
    ...(force === undefined ? {} : { forceCompression: force }),
  }
}

type Flag = 'cache-from' | 'cache-to'

const wrong = (flag: Flag, text: string, reason: string): GantryError =>
  new GantryError('invalid_argument', 'CACHE_LOCATION', `invalid argument "${text}" for "--${flag}" flag: ${reason}`)

const readLocation = (fields: Fields, type: string | undefined, folder: 'src' | 'dest'): CacheTargetLocation => {
  switch (type) {
    case 'registry':
      return { type, reference: fields.need('ref') }
    case 'local': {
      const path = fields.need(folder)
      const tag = fields.take('tag')
      const digest = folder === 'src' ? fields.take('digest') : undefined
      return { type, folder: path, name: digest ?? tag ?? 'latest' }
    }
    case 'inline':
      return { type }
    case undefined:
      throw fields.wrong('type is required')
    case 'gha':
    case 's3':
    case 'azblob':
    case 'gcs':
      throw new GantryError('unsupported', 'CACHE_TYPE', fields.wrong(`type=${type} is not supported`).message, {
        hint: 'use type=registry or type=local',
      })
    default:
      throw fields.wrong(`unknown type "${type}"${didYouMean(type, ['registry', 'local', 'inline'])}`)
  }
}

/** The fields of one flag, each asked for once. */
interface Fields {
  take(name: string): string | undefined
  need(name: string): string
  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined
  flag(name: string): boolean | undefined
  /** Refuses what was not asked for. */
  end(): void
  wrong(reason: string): GantryError
}

const readFields = (flag: Flag, text: string): Fields => {
  const refuse = (reason: string): GantryError => wrong(flag, text, reason)
  const given = new Map<string, string>()
  const asked = new Set<string>()
  for (const field of split(text, refuse)) {
    const equals = field.indexOf('=')
    if (equals < 0) throw refuse(`"${field}" is no key=value pair`)
    given.set(field.slice(0, equals).trim().toLowerCase(), field.slice(equals + 1))
  }
  const take = (name: string): string | undefined => {
    asked.add(name)
    const value = given.get(name)
    return value === '' ? undefined : value
  }
  return {
    take,
    wrong: refuse,
    need: (name) => {
      const value = take(name)
      if (value === undefined) throw refuse(`${name} is required`)
      return value
    },
    oneOf: (name, values) => {
      const value = take(name)
      const found = values.find((one) => one === value)
      if (value !== undefined && found === undefined) throw refuse(`${name} is ${values.join(' or ')}, not "${value}"`)
      return found
    },
    flag: (name) => {
      const value = take(name)
      if (value === undefined) return undefined
      if (/^(?:1|t|true)$/i.test(value)) return true
      if (/^(?:0|f|false)$/i.test(value)) return false
      throw refuse(`${name} is true or false, not "${value}"`)
    },
    end: () => {
      for (const name of given.keys()) if (!asked.has(name)) throw refuse(`unknown key "${name}"${didYouMean(name, [...asked])}`)
    },
  }
}

/** A text without `=` is the name of an image, as ever. */
const split = (text: string, refuse: (reason: string) => GantryError): readonly string[] => {
  try {
    const fields = csvFields(text)
    return fields.length === 1 && !text.includes('=') && text !== '' ? ['type=registry', `ref=${text}`] : fields
  } catch (error) {
    if (isGantryError(error)) throw refuse(error.message)
    throw error
  }
}
