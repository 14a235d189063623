import { buildEntry, type GnuNames } from './build-entry.ts'
import { blockSize, extensionLimit, tarError, tarPadding, type SparseExtent, type TarEntry } from './entry.ts'
import { isZeroBlock, readHeader, readSparseBlock, type Header } from './header.ts'
import { decimal, extentsOf, parsePax, type PaxRecords } from './pax.ts'
import { readText } from './text.ts'

export interface TarHandler {
  /**
   * An entry; what is stored of its body stands at byte `bodyOffset` of the archive: `entry.size` bytes, or the sum of
   * the lengths of `entry.sparse`.
   */
  entry(entry: TarEntry, bodyOffset: number): void
  /** The next piece of the last entry's stored body: a view of a fed chunk, good only during the call. */
  body?(piece: Uint8Array): void
}

/** What the bytes collected next are. */
type Stage =
  | { readonly kind: 'header' }
  /** The body of an 'x', 'g', 'L' or 'K' entry, `size` bytes and padding. */
  | { readonly kind: 'extension'; readonly type: number; readonly size: number }
  /** A block that goes on with the map of an old GNU sparse file. */
  | { readonly kind: 'sparse-block'; readonly header: Header; readonly realSize: number; readonly extents: SparseExtent[] }
  /** A block of the map at the start of the body of a PAX 1.0 sparse file. */
  | { readonly kind: 'sparse-map'; readonly header: Header; readonly realSize: number; blocks: number; readonly lines: string[] }

const headerStage: Stage = { kind: 'header' }

/**
 * Reads a tar that is pushed in chunks of any size (v7, ustar, GNU, PAX, star). Bodies are never copied, and not even looked at when
 * nobody wants them, so that indexing a large layer costs what its headers cost. Extended headers of POSIX and GNU are applied; a
 * global header counts for owners and times only, since Go's reader, which the other container tools use, takes no names and
 * sizes from it either. Errors are `invalid_argument` (TAR_INVALID, TAR_TRUNCATED).
 */
export class TarParser {
  readonly #handler: TarHandler
  #stage: Stage = headerStage
  /** Bytes that the stage wants, and those of them that have come when they do not lie in one chunk. */
  #want = blockSize
  #held = 0
  #buffer = Buffer.alloc(blockSize)
  #body = 0
  #skip = 0
  /** How many of the skipped bytes are padding: the last body of an archive may lack it. */
  #padding = 0
  /** The archive's bytes before the current chunk's rest. */
  #position = 0
  #entryAt = 0
  #zeroBlocks = 0
  #ended = false
  #global: PaxRecords | undefined
  #pax: PaxRecords | undefined
  #gnu: GnuNames = {}
  /** Whether extended headers were read that have no entry yet. */
  #pending = false

  constructor(handler: TarHandler) {
    this.#handler = handler
  }

  /** True once the two zero blocks of the end were seen. What follows them is legal, is padding as a rule, and is ignored. */
  get ended(): boolean {
    return this.#ended
  }

  /** Takes the next bytes; calls the handler for what they complete. */
  feed(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    let at = 0
    while (at < bytes.length && !this.#ended) {
      const rest = bytes.length - at
      if (this.#body > 0) {
        const taken = Math.min(this.#body, rest)
        this.#handler.body?.(bytes.subarray(at, at + taken))
        this.#body -= taken
        at += taken
        this.#position += taken
      } else if (this.#skip > 0) {
        const taken = Math.min(this.#skip, rest)
        this.#skip -= taken
        at += taken
        this.#position += taken
      } else if (this.#held === 0 && rest >= this.#want) {
        const taken = this.#want
        this.#position += taken
        this.#take(bytes, at)
        at += taken
      } else {
        at += this.#collect(bytes, at)
      }
    }
  }

  /** Says that the archive is over; TAR_TRUNCATED if it may not be. An archive without its closing zero blocks is legal. */
  finish(): void {
    const between = this.#stage === headerStage && this.#held + this.#body === 0 && this.#skip <= this.#padding
    if (this.#ended || (between && !this.#pending)) return
    throw tarError(this.#position + this.#held, 'it ends in the middle of an entry', 'TAR_TRUNCATED')
  }

  /** Keeps what there is of a block that goes on in the next chunk; answers the number of bytes taken. */
  #collect(bytes: Buffer, at: number): number {
    if (this.#buffer.length < this.#want) this.#buffer = Buffer.alloc(this.#want)
    const taken = Math.min(this.#want - this.#held, bytes.length - at)
    bytes.copy(this.#buffer, this.#held, at, at + taken)
    this.#held += taken
    if (this.#held === this.#want) {
      this.#held = 0
      this.#position += this.#want
      this.#take(this.#buffer, 0)
    }
    return taken
  }

  /** All bytes of a stage are at `at`; `#position` is behind them. */
  #take(bytes: Buffer, at: number): void {
    const stage = this.#stage
    switch (stage.kind) {
      case 'header':
        return this.#header(bytes, at)
      case 'extension':
        return this.#extension(stage.type, bytes.subarray(at, at + stage.size))
      case 'sparse-block': {
        const { extents, extended } = readSparseBlock(bytes, at, 21, at + 504, this.#entryAt)
        stage.extents.push(...extents)
        if (stage.extents.length * 24 > extensionLimit) throw tarError(this.#entryAt, 'a sparse map is too large')
        if (!extended)
          this.#emit(stage.header, this.#pax?.size ?? stage.header.size, { realSize: stage.realSize, extents: stage.extents })
        return
      }
      case 'sparse-map':
        return this.#sparseMap(stage, bytes.toString('latin1', at, at + blockSize))
    }
  }

  #header(bytes: Buffer, at: number): void {
    this.#entryAt = this.#position - blockSize
    if (bytes[at] === 0 && isZeroBlock(bytes, at)) {
      if (this.#pending) throw tarError(this.#entryAt, 'an extended header has no entry')
      this.#ended = ++this.#zeroBlocks === 2
      return
    }
    if (this.#zeroBlocks > 0) throw tarError(this.#entryAt, 'a zero block stands between entries')
    const header = readHeader(bytes, at, this.#entryAt)
    switch (header.type) {
      case 0x78: // 'x'
      case 0x58: // 'X', Sun's name for it
      case 0x67: // 'g'
      case 0x4c: // 'L'
      case 0x4b: // 'K'
        return this.#startExtension(header)
      case 0x56: // 'V', a volume's label
        this.#padding = tarPadding(header.size)
        this.#skip = header.size + this.#padding
        return
      case 0x53: // 'S'
        if (header.sparse === undefined) throw tarError(this.#entryAt, 'a sparse file has no map')
    }
    if (header.sparse?.extended === true)
      this.#await({ kind: 'sparse-block', header, realSize: header.sparse.realSize, extents: header.sparse.extents }, blockSize)
    else if (header.sparse !== undefined) this.#emit(header, this.#pax?.size ?? header.size, header.sparse)
    else this.#plain(header)
  }

  #plain(header: Header): void {
    const size = this.#pax?.size ?? header.size
    const sparse = this.#pax?.sparse
    if (sparse === undefined || (sparse.extents === undefined && sparse.mapInBody !== true)) return this.#emit(header, size)
    if (sparse.realSize === undefined) throw tarError(this.#entryAt, 'a sparse file has no size')
    if (sparse.mapInBody !== true) return this.#emit(header, size, { realSize: sparse.realSize, extents: sparse.extents ?? [] })
    this.#await({ kind: 'sparse-map', header, realSize: sparse.realSize, blocks: 0, lines: [''] }, blockSize)
  }

  #startExtension(header: Header): void {
    if (header.size > extensionLimit) throw tarError(this.#entryAt, `an extended header has more than ${extensionLimit} bytes`)
    const stage: Stage = { kind: 'extension', type: header.type, size: header.size }
    if (header.size === 0) this.#extension(header.type, Buffer.alloc(0))
    else this.#await(stage, header.size + tarPadding(header.size))
  }

  #extension(type: number, bytes: Buffer): void {
    this.#await(headerStage, blockSize)
    if (type === 0x67) {
      const global: PaxRecords = { ...this.#global }
      parsePax(bytes, this.#entryAt, global)
      for (const key of ['path', 'linkPath', 'size', 'sparse', 'xattrs'] as const) delete global[key]
      this.#global = global
      return
    }
    this.#pending = true
    if (type === 0x4c) this.#gnu.name = readText(bytes, 0, bytes.length)
    else if (type === 0x4b) this.#gnu.linkName = readText(bytes, 0, bytes.length)
    else parsePax(bytes, this.#entryAt, (this.#pax = { ...this.#global }))
  }

  #sparseMap(stage: Stage & { kind: 'sparse-map' }, text: string): void {
    const { lines } = stage
    const [first = '', ...more] = text.split('\n')
    lines.push(`${lines.pop() ?? ''}${first}`, ...more)
    stage.blocks++
    if (stage.blocks * blockSize > extensionLimit) throw tarError(this.#entryAt, 'a sparse map is too large')
    const size = (this.#pax?.size ?? stage.header.size) - stage.blocks * blockSize
    if (size < 0) throw tarError(this.#entryAt, 'a sparse map is longer than its body')
    const count = lines.length > 1 ? decimal(lines[0] ?? '') : 0
    if (count === undefined) throw tarError(this.#entryAt, 'a sparse map is malformed')
    if (lines.length < 2 || lines.length < 2 * count + 2) return
    this.#emit(stage.header, size, { realSize: stage.realSize, extents: extentsOf(lines.slice(1, 2 * count + 1), this.#entryAt) })
  }

  /** Hands out an entry whose stored body of `stored` bytes follows. */
  #emit(header: Header, stored: number, sparse?: { readonly realSize: number; readonly extents: readonly SparseExtent[] }): void {
    const file = sparse === undefined ? { size: stored } : checkSparse(sparse, stored, this.#entryAt)
    const entry = buildEntry(header, this.#pax ?? this.#global, this.#gnu, file, this.#entryAt)
    this.#pax = undefined
    this.#gnu = {}
    this.#pending = false
    this.#await(headerStage, blockSize)
    // only files have bodies, and the folders of GNU's dumps; the size of a link is that of its target, of a folder its quota
    const size = entry.kind === 'file' || header.type === 0x44 ? stored : 0
    if (entry.kind === 'file' && this.#handler.body !== undefined) this.#body = size
    else this.#skip = size
    this.#padding = tarPadding(size)
    this.#skip += this.#padding
    if (!Number.isSafeInteger(this.#position + size + this.#padding)) throw tarError(this.#entryAt, 'a size is out of range')
    this.#handler.entry(entry, this.#position)
  }

  #await(stage: Stage, bytes: number): void {
    this.#stage = stage
    this.#want = bytes
  }
}

/** Checks a sparse map against the bytes that are stored, and leaves out its empty parts. */
const checkSparse = (
  map: { readonly realSize: number; readonly extents: readonly SparseExtent[] },
  stored: number,
  offset: number,
): { readonly size: number; readonly sparse: readonly SparseExtent[] } => {
  const sparse = map.extents.filter((extent) => extent.length > 0)
  let end = 0
  let sum = 0
  for (const [index, extent] of sparse.entries()) {
    if (extent.offset < end) throw tarError(offset, 'the parts of a sparse file overlap')
    // GNU tar starts each part at a block, Go and libarchive do not: where that makes a difference nobody can be right
    if (index > 0 && sum % blockSize !== 0) throw tarError(offset, 'a part of a sparse file ends within a block')
    end = extent.offset + extent.length
    sum += extent.length
  }
  if (end > map.realSize || sum !== stored) throw tarError(offset, 'the map of a sparse file does not fit its sizes')
  return { size: map.realSize, sparse }
}
