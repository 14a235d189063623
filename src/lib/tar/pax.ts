import { tarError, type SparseExtent } from './entry.ts'
import { decodeText, type Text } from './text.ts'

/** What the records of one PAX extended header say (POSIX pax, "pax Extended Header"). Absent: the ustar header's field holds. */
export interface PaxRecords {
  path?: Text
  linkPath?: Text
  size?: number
  uid?: number
  gid?: number
  userName?: string
  groupName?: string
  mtime?: { readonly seconds: number; readonly nanoseconds: number }
  xattrs?: Record<string, Uint8Array>
  sparse?: PaxSparse
}

/** The GNU.sparse.* records, formats 0.0, 0.1 and 1.0. */
export interface PaxSparse {
  name?: Text
  realSize?: number
  /** Format 1.0: the map stands at the start of the body. */
  mapInBody?: boolean
  /** Formats 0.0 and 0.1. */
  extents?: SparseExtent[]
}

const xattrPrefix = 'SCHILY.xattr.'
const sparsePrefix = 'GNU.sparse.'

/** Parses the records of a header that stands at `offset` of the archive into `records`; later ones win. Unknown keywords are ignored. */
export const parsePax = (bytes: Buffer, offset: number, records: PaxRecords): void => {
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at)
    const length = space < 0 || space - at > 10 ? undefined : decimal(bytes.toString('latin1', at, space))
    const end = at + (length ?? 0)
    if (length === undefined || end > bytes.length || end < space + 2 || bytes[end - 1] !== 0x0a)
      throw tarError(offset, 'a PAX record is malformed')
    const equals = bytes.indexOf(0x3d, space)
    if (equals < 0 || equals >= end || equals === space + 1) throw tarError(offset, 'a PAX record has no keyword')
    apply(records, bytes.toString('utf8', space + 1, equals), bytes, equals + 1, end - 1, offset)
    at = end
  }
}

const apply = (records: PaxRecords, key: string, bytes: Buffer, start: number, end: number, offset: number): void => {
  // an empty value takes back a global header's; for an xattr it is a value like any other
  const text = (): Text | undefined => {
    for (let i = start; i < end; i++) if (bytes[i] === 0) throw tarError(offset, `the PAX record "${key}" contains a NUL`)
    return start === end ? undefined : decodeText(bytes, start, end)
  }
  const number = (): number | undefined => (start === end ? undefined : required(key, decimal(latin1()), offset))
  const latin1 = (): string => bytes.toString('latin1', start, end)
  switch (key) {
    case 'path':
      return set(records, 'path', text())
    case 'linkpath':
      return set(records, 'linkPath', text())
    case 'uname':
      return set(records, 'userName', text()?.text)
    case 'gname':
      return set(records, 'groupName', text()?.text)
    case 'size':
      return set(records, 'size', number())
    case 'uid':
      return set(records, 'uid', start === end ? undefined : required(key, integer(latin1()), offset))
    case 'gid':
      return set(records, 'gid', start === end ? undefined : required(key, integer(latin1()), offset))
    case 'mtime':
      return set(records, 'mtime', start === end ? undefined : required(key, paxTime(latin1()), offset))
  }
  if (key.startsWith(xattrPrefix)) {
    // no prototype: names are the archive's
    records.xattrs ??= Object.create(null) as Record<string, Uint8Array>
    records.xattrs[key.slice(xattrPrefix.length)] = new Uint8Array(bytes.subarray(start, end))
  } else if (key.startsWith(sparsePrefix)) {
    applySparse((records.sparse ??= {}), key.slice(sparsePrefix.length), text(), offset)
  }
}

const applySparse = (sparse: PaxSparse, key: string, value: Text | undefined, offset: number): void => {
  const number = (): number => required(`${sparsePrefix}${key}`, decimal(value?.text ?? ''), offset)
  switch (key) {
    case 'name':
      return set(sparse, 'name', value)
    case 'size':
    case 'realsize':
      return set(sparse, 'realSize', number())
    case 'major':
      if (number() > 1) throw tarError(offset, `sparse format ${number()} is not known`)
      return set(sparse, 'mapInBody', number() === 1)
    case 'offset':
      ;(sparse.extents ??= []).push({ offset: number(), length: 0 })
      return
    case 'numbytes': {
      const last = sparse.extents?.pop()
      if (last === undefined) throw tarError(offset, 'a sparse length has no offset')
      sparse.extents?.push({ offset: last.offset, length: number() })
      return
    }
    case 'map':
      sparse.extents = extentsOf((value?.text ?? '').split(','), offset)
  }
}

/** Pairs of decimal offset and length. */
export const extentsOf = (numbers: readonly string[], offset: number): SparseExtent[] => {
  const extents: SparseExtent[] = []
  for (let i = 0; i + 1 < numbers.length; i += 2) {
    extents.push({
      offset: required('sparse offset', decimal(numbers[i] ?? ''), offset),
      length: required('sparse length', decimal(numbers[i + 1] ?? ''), offset),
    })
  }
  if (numbers.length % 2 !== 0 && numbers.join('') !== '') throw tarError(offset, 'a sparse map is malformed')
  return extents
}

const set = <T extends object, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void => {
  if (value === undefined) delete target[key]
  else target[key] = value
}

const required = <T>(what: string, value: T | undefined, offset: number): T => {
  if (value === undefined) throw tarError(offset, `"${what}" is not a number in range`)
  return value
}

/** A decimal number without sign up to 2^53, undefined for anything else. */
export const decimal = (text: string): number | undefined => {
  if (!/^\d{1,16}$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

const integer = (text: string): number | undefined => {
  const value = decimal(text.startsWith('-') ? text.slice(1) : text)
  return value !== undefined && text.startsWith('-') ? -value : value
}

/** Decimal seconds with a fraction of any length, cut to nanoseconds; negative ones are before 1970. */
const paxTime = (text: string): { readonly seconds: number; readonly nanoseconds: number } | undefined => {
  const match = /^(-?)(\d{1,16})(?:\.(\d*))?$/.exec(text)
  const seconds = decimal(match?.[2] ?? '')
  if (match === null || seconds === undefined) return undefined
  const nanoseconds = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'))
  if (match[1] === '') return { seconds, nanoseconds }
  return nanoseconds === 0 ? { seconds: 0 - seconds, nanoseconds } : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds }
}

/** One `length key=value` line; the length counts its own digits. */
export const encodePaxRecord = (key: string, value: string | Uint8Array): Buffer => {
  const bytes = Buffer.concat([
    Buffer.from(` ${key}=`),
    typeof value === 'string' ? Buffer.from(value) : value,
    Buffer.from('\n'),
  ])
  let length = bytes.length
  while (String(length).length + bytes.length !== length) length = String(length).length + bytes.length
  return Buffer.concat([Buffer.from(String(length)), bytes])
}

/** A time as PAX writes it: the shortest decimal that says the nanoseconds. */
export const encodePaxTime = (time: { readonly seconds: number; readonly nanoseconds: number }): string => {
  if (time.nanoseconds === 0) return String(time.seconds)
  const negative = time.seconds < 0
  const seconds = negative ? -time.seconds - 1 : time.seconds
  const nanoseconds = negative ? 1e9 - time.nanoseconds : time.nanoseconds
  return `${negative ? '-' : ''}${seconds}.${String(nanoseconds).padStart(9, '0').replace(/0+$/, '')}`
}
