import { tarError, type SparseExtent } from './entry.ts'
import { checksumMatches, readNumber } from './numbers.ts'
import { bytesOf, noText, readText, type Text } from './text.ts'

/** The fields of one header block, before any extended header is applied. */
export interface Header {
  /** The type flag's character code. */
  readonly type: number
  readonly name: Text
  readonly linkName: Text
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly seconds: number
  readonly userName: string
  readonly groupName: string
  readonly major: number
  readonly minor: number
  readonly sparse: OldSparse | undefined
}

/** The sparse fields of an old GNU header (type 'S'). */
export interface OldSparse {
  readonly realSize: number
  readonly extents: SparseExtent[]
  /** Whether a block with more of the map follows. */
  readonly extended: boolean
}

const typeSparse = 0x53

/** True if the block has only zeros. */
export const isZeroBlock = (bytes: Uint8Array, at: number): boolean => {
  for (let i = at; i < at + 512; i++) if (bytes[i] !== 0) return false
  return true
}

/** Reads the header in the 512 bytes at `at`, of the formats v7, ustar, star, PAX and GNU. `offset` is its place in the archive. */
export const readHeader = (bytes: Buffer, at: number, offset: number): Header => {
  if (!checksumMatches(bytes, at)) throw tarError(offset, 'the checksum of a header is wrong')
  const type = bytes[at + 156] as number
  // "ustar\0" with any version, or GNU's "ustar  \0": before them there were no names and no prefix
  const ustar = bytes.readUInt32BE(at + 257) === 0x75737461 && bytes[at + 261] === 0x72
  const gnu = ustar && bytes[at + 262] === 0x20
  const size = readField(bytes, at + 124, 12, offset, 'size')
  if (size < 0) throw tarError(offset, 'the size of a header is negative')
  const device = ustar && (type === 0x33 || type === 0x34)
  return {
    type,
    name: withPrefix(readText(bytes, at, 100), prefixOf(bytes, at, ustar, gnu)),
    linkName: readText(bytes, at + 157, 100),
    mode: readField(bytes, at + 100, 8, offset, 'mode'),
    uid: readField(bytes, at + 108, 8, offset, 'owner'),
    gid: readField(bytes, at + 116, 8, offset, 'group'),
    size,
    seconds: readField(bytes, at + 136, 12, offset, 'time'),
    userName: ustar ? readText(bytes, at + 265, 32).text : '',
    groupName: ustar ? readText(bytes, at + 297, 32).text : '',
    major: device ? readField(bytes, at + 329, 8, offset, 'device') : 0,
    minor: device ? readField(bytes, at + 337, 8, offset, 'device') : 0,
    sparse: gnu && type === typeSparse ? readOldSparse(bytes, at, offset) : undefined,
  }
}

const readField = (bytes: Buffer, at: number, length: number, offset: number, what: string): number => {
  const value = readNumber(bytes, at, length)
  if (Number.isNaN(value)) throw tarError(offset, `the ${what} of a header is not a number in range`)
  return value
}

const prefixOf = (bytes: Buffer, at: number, ustar: boolean, gnu: boolean): Text => {
  if (!ustar || bytes[at + 345] === 0) return noText
  if (!gnu) {
    // star's headers end in "tar\0" and have times behind a shorter prefix
    const star = bytes.readUInt32BE(at + 508) === 0x74617200
    return readText(bytes, at + 345, star ? 131 : 155)
  }
  // GNU has times there; Go before 1.8 wrote prefixes into headers with GNU's magic (golang/go#12594)
  if (!Number.isNaN(readNumber(bytes, at + 345, 12)) && !Number.isNaN(readNumber(bytes, at + 357, 12))) return noText
  const prefix = readText(bytes, at + 345, 155)
  return prefix.raw === undefined && bytes[at + 156] !== typeSparse ? prefix : noText
}

const withPrefix = (name: Text, prefix: Text): Text => {
  if (prefix === noText) return name
  const text = `${prefix.text}/${name.text}`
  if (name.raw === undefined && prefix.raw === undefined) return { text }
  return { text, raw: Buffer.concat([bytesOf(prefix), Buffer.from('/'), bytesOf(name)]) }
}

const readOldSparse = (bytes: Buffer, at: number, offset: number): OldSparse => {
  const realSize = readNumber(bytes, at + 483, 12)
  if (!(realSize >= 0)) throw tarError(offset, 'the size of a sparse file is not a number in range')
  return { realSize, ...readSparseBlock(bytes, at + 386, 4, at + 482, offset) }
}

/** Reads `count` pairs of offset and length, up to the first empty one. */
export const readSparseBlock = (
  bytes: Buffer,
  at: number,
  count: number,
  extendedAt: number,
  offset: number,
): { readonly extents: SparseExtent[]; readonly extended: boolean } => {
  const extents: SparseExtent[] = []
  for (let i = at; i < at + count * 24 && bytes[i] !== 0; i += 24) {
    const extent = { offset: readNumber(bytes, i, 12), length: readNumber(bytes, i + 12, 12) }
    if (!(extent.offset >= 0 && extent.length >= 0)) throw tarError(offset, 'a sparse map is malformed')
    extents.push(extent)
  }
  return { extents, extended: bytes[extendedAt] !== 0 }
}
