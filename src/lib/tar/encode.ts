import { GantryError } from '../errors.ts'
import { blockSize, extensionLimit, nameLimit, tarPadding, type TarEntry, type TarKind } from './entry.ts'
import { fitsOctal, headerSum, writeOctal } from './numbers.ts'
import { encodePaxRecord, encodePaxTime } from './pax.ts'
import { isAsciiText } from './text.ts'

const types: Readonly<Record<TarKind, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  folder: '5',
  fifo: '6',
}

/** The two zero blocks that end an archive. */
export const tarEnd: Buffer = Buffer.alloc(2 * blockSize)

/**
 * The header of an entry, and before it a PAX header for whatever ustar has no room for: the same bytes for the same entry, always.
 * `invalid_argument` (TAR_ENTRY_INVALID) for an entry that no tar can hold.
 */
export const encodeTarHeader = (entry: TarEntry): Buffer => {
  check(entry)
  const records = new Map<string, string | Uint8Array>()
  const name = nameOf(entry, records)
  const linkName = entry.linkName === undefined ? '' : textField('linkpath', entry.linkName, entry.rawLinkName, 100, records)
  const main = Buffer.alloc(blockSize)
  main.write(name.name, 0, 'latin1')
  main.write(name.prefix, 345, 'latin1')
  main.write(linkName, 157, 'latin1')
  writeOctal(main, 100, 8, entry.mode)
  numberField(main, 108, 8, 'uid', entry.uid, records)
  numberField(main, 116, 8, 'gid', entry.gid, records)
  numberField(main, 124, 12, 'size', entry.size, records)
  const { seconds, nanoseconds } = entry.mtime
  if (nanoseconds === 0 && fitsOctal(seconds, 12)) writeOctal(main, 136, 12, seconds)
  else {
    writeOctal(main, 136, 12, fitsOctal(seconds, 12) ? seconds : 0)
    records.set('mtime', encodePaxTime(entry.mtime))
  }
  main.write(textField('uname', entry.userName ?? '', undefined, 32, records), 265, 'latin1')
  main.write(textField('gname', entry.groupName ?? '', undefined, 32, records), 297, 'latin1')
  writeOctal(main, 329, 8, entry.device?.major ?? 0)
  writeOctal(main, 337, 8, entry.device?.minor ?? 0)
  for (const [key, value] of Object.entries(entry.xattrs ?? {})) records.set(`SCHILY.xattr.${key}`, value)
  if (entry.rawName !== undefined || entry.rawLinkName !== undefined) records.set('hdrcharset', 'BINARY')
  finish(main, types[entry.kind])
  return records.size === 0 ? main : Buffer.concat([paxHeader(entry, records), main])
}

const paxHeader = (entry: TarEntry, records: ReadonlyMap<string, string | Uint8Array>): Buffer => {
  const lines = [...records].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => encodePaxRecord(key, value))
  const body = Buffer.concat(lines)
  if (body.length > extensionLimit) throw invalid(entry, `its extended header has more than ${extensionLimit} bytes`)
  const header = Buffer.alloc(blockSize)
  const last = entry.name.slice(entry.name.lastIndexOf('/') + 1)
  header.write(`PaxHeaders.0/${ascii(last)}`.slice(0, 100), 0, 'latin1')
  writeOctal(header, 100, 8, 0)
  writeOctal(header, 108, 8, 0)
  writeOctal(header, 116, 8, 0)
  writeOctal(header, 124, 12, body.length)
  writeOctal(header, 136, 12, 0)
  finish(header, 'x')
  return Buffer.concat([header, body, Buffer.alloc(tarPadding(body.length))])
}

const finish = (header: Buffer, type: string): void => {
  header.write(type, 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  header.write(`${headerSum(header, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}

/** The fields that hold the name; what stands in them when a PAX record has the name is only for readers without PAX. */
const nameOf = (
  entry: TarEntry,
  records: Map<string, string | Uint8Array>,
): { readonly name: string; readonly prefix: string } => {
  const slash = entry.kind === 'folder' && !entry.name.endsWith('/') ? '/' : ''
  const name = entry.name + slash
  if (entry.rawName === undefined && name.length > 100 && isAsciiText(name)) {
    // the prefix may have 155 bytes, the name 100, and the slash between them is in neither
    const split = name.indexOf('/', name.length - 101)
    if (split > 0 && split <= 155 && split < name.length - 1) return { name: name.slice(split + 1), prefix: name.slice(0, split) }
  }
  const raw = entry.rawName === undefined ? undefined : Buffer.concat([entry.rawName, Buffer.from(slash)])
  return { name: textField('path', name, raw, 100, records), prefix: '' }
}

/** The text as it stands in a ustar field; a record is added if that cannot say it. */
const textField = (
  key: string,
  text: string,
  raw: Uint8Array | undefined,
  length: number,
  records: Map<string, string | Uint8Array>,
): string => {
  if (raw === undefined && text.length <= length && isAsciiText(text)) return text
  records.set(key, raw ?? text)
  return ascii(text).slice(0, length)
}

const numberField = (
  header: Buffer,
  at: number,
  length: number,
  key: string,
  value: number,
  records: Map<string, string | Uint8Array>,
): void => {
  const fits = fitsOctal(value, length)
  writeOctal(header, at, length, fits ? value : 0)
  if (!fits) records.set(key, String(value))
}

const ascii = (text: string): string => text.replace(/[^\x20-\x7e]/g, '_')

const integer = (value: number, most: number): boolean => Number.isSafeInteger(value) && value >= 0 && value <= most

const check = (entry: TarEntry): void => {
  const names = [
    entry.name,
    entry.linkName ?? '',
    entry.userName ?? '',
    entry.groupName ?? '',
    ...Object.keys(entry.xattrs ?? {}),
  ]
  if (names.some((name) => name.includes('\0'))) throw invalid(entry, 'a name contains a NUL')
  if (entry.rawName?.includes(0) === true || entry.rawLinkName?.includes(0) === true)
    throw invalid(entry, 'a name contains a NUL')
  if (entry.name === '') throw invalid(entry, 'it has no name')
  if (Buffer.byteLength(entry.name) > nameLimit || Buffer.byteLength(entry.linkName ?? '') > nameLimit)
    throw invalid(entry, `a name has more than ${nameLimit} bytes`)
  if (Object.keys(entry.xattrs ?? {}).some((name) => name === '' || name.includes('=')))
    throw invalid(entry, 'a tar cannot hold the name of an xattr')
  const link = entry.kind === 'symlink' || entry.kind === 'hardlink'
  if (link !== (entry.linkName !== undefined)) throw invalid(entry, 'links, and only links, have a target')
  if (entry.kind !== 'file' && entry.size !== 0) throw invalid(entry, 'only files have a size')
  if (!integer(entry.size, Number.MAX_SAFE_INTEGER) || !integer(entry.mode, 0o7777))
    throw invalid(entry, 'a number is out of range')
  if (!integer(entry.uid, 0xffff_ffff) || !integer(entry.gid, 0xffff_ffff)) throw invalid(entry, 'an owner is out of range')
  if (!Number.isSafeInteger(entry.mtime.seconds) || !integer(entry.mtime.nanoseconds, 999_999_999))
    throw invalid(entry, 'its time is out of range')
  if (!integer(entry.device?.major ?? 0, 0o7777777) || !integer(entry.device?.minor ?? 0, 0o7777777))
    throw invalid(entry, 'its device number is out of range')
}

const invalid = (entry: TarEntry, reason: string): GantryError =>
  new GantryError('invalid_argument', 'TAR_ENTRY_INVALID', `Cannot write "${entry.name}" into a tar: ${reason}`)
