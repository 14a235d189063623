import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
} from 'node:fs'
import { createHash, hash } from 'node:crypto'
import type { ByteStream } from '../../lib/bytes.ts'
import { textFromBytes } from '../../layers/tree/byte-text.ts'
import { GantryError, messageOf, systemCode } from '../../lib/errors.ts'
import { isAsciiText } from '../../lib/tar/text.ts'
import { PatternMatcher, type MatchResult } from '../ignore.ts'
import { fileState, type FileState, type KnownDigests } from './known-digests.ts'
import { joinPath, parentOf, shownPath, type Tree, type TreeEntry } from './tree.ts'

export interface FolderTreeOptions {
  /** Patterns of what is left out, as .dockerignore has them. */
  readonly ignore?: readonly string[]
  /** Digests that earlier builds have computed; for those of this tree too. */
  readonly digests?: KnownDigests
}

const unmatched: MatchResult = { matched: false, rule: undefined, info: [] }

/** Files up to this size are read in one go. */
const smallFile = 1024 * 1024

/**
 * A folder of this machine as a build context: owners are 0:0 whoever owns the files, what is ignored is not there, sockets are
 * left out, symlinks are entries and never followed. Calls are synchronous inside: for thousands of small files that is several
 * times faster than the thread pool.
 */
export class FolderTree implements Tree {
  readonly #root: string
  readonly #matcher: PatternMatcher
  readonly #lists = new Map<string, readonly TreeEntry[]>()
  readonly #entries = new Map<string, TreeEntry>()
  readonly #matches = new Map<string, MatchResult>()
  readonly #known: KnownDigests | undefined
  readonly #digests = new Map<string, string>()
  /** What files were as listed: what is read later must be that. */
  readonly #states = new Map<string, FileState>()

  constructor(root: string, options: FolderTreeOptions = {}) {
    this.#root = root
    this.#matcher = new PatternMatcher(options.ignore ?? [])
    this.#known = options.digests
  }

  async stat(path: string): Promise<TreeEntry | undefined> {
    if (path === '') return this.#lstat('')
    this.#list(parentOf(path))
    return this.#entries.get(path)
  }

  async list(path: string): Promise<readonly TreeEntry[]> {
    return this.#list(path)
  }

  #list(path: string): readonly TreeEntry[] {
    const known = this.#lists.get(path)
    if (known !== undefined) return known
    if ((this.#entries.get(path) ?? this.#lstat(path))?.kind !== 'folder') return []
    const entries: TreeEntry[] = []
    for (const name of this.#names(path)) {
      const child = joinPath(path, name)
      const match = this.#matcher.empty ? unmatched : this.#match(child)
      if (match.matched && this.#matcher.coversAll(textFromBytes(child).text, match)) continue
      const entry = this.#lstat(child)
      if (entry === undefined) continue
      // an ignored folder is there if something in it is not ignored
      if (match.matched && (entry.kind !== 'folder' || this.#list(child).length === 0)) continue
      entries.push(entry)
      this.#entries.set(child, entry)
    }
    this.#lists.set(path, entries)
    return entries
  }

  async *read(entry: TreeEntry): ByteStream {
    const fd = this.#open(entry)
    if (entry.size <= smallFile) {
      yield readAll(fd, entry)
      return
    }
    let seen = 0
    for await (const chunk of createReadStream('', { fd, highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
      seen += chunk.length
      if (seen > entry.size) break
      yield chunk
    }
    if (seen !== entry.size) throw changed(entry)
  }

  digest(entry: TreeEntry): Promise<string> | string {
    const { path } = entry
    const state = this.#states.get(path)
    const known = this.#digests.get(path) ?? (state === undefined ? undefined : this.#known?.get(path, state))
    if (known !== undefined) return known
    const settled = this.#known?.settled() ?? 0n
    const keep = (digest: string): string => {
      this.#digests.set(path, digest)
      if (state !== undefined) this.#known?.set(path, state, digest, settled)
      return digest
    }
    return entry.size <= smallFile ? keep(hash('sha256', readAll(this.#open(entry), entry), 'hex')) : this.#hash(entry).then(keep)
  }

  async #hash(entry: TreeEntry): Promise<string> {
    const sum = createHash('sha256')
    for await (const chunk of this.read(entry)) sum.update(chunk)
    return sum.digest('hex')
  }

  #match(path: string): MatchResult {
    const known = this.#matches.get(path)
    if (known !== undefined) return known
    const parent = parentOf(path)
    const match = this.#matcher.match(textFromBytes(path).text, parent === '' ? undefined : this.#match(parent).info)
    this.#matches.set(path, match)
    return match
  }

  #names(path: string): readonly string[] {
    try {
      return readdirSync(this.#full(path), 'latin1').sort()
    } catch (cause) {
      throw unreadable(path, cause)
    }
  }

  /** The path on this machine, as bytes where it is not ASCII. */
  #full(path: string): string | Buffer {
    if (path === '') return this.#root
    return isAsciiText(path)
      ? `${this.#root}/${path}`
      : Buffer.concat([Buffer.from(`${this.#root}/`), Buffer.from(path, 'latin1')])
  }

  #lstat(path: string): TreeEntry | undefined {
    const full = this.#full(path)
    const stats = lstatSync(full, { bigint: true, throwIfNoEntry: false })
    const kind = stats === undefined ? undefined : kindOf(stats)
    if (stats === undefined || kind === undefined) return undefined
    if (kind === 'file') this.#states.set(path, fileState(stats))
    return {
      path,
      kind,
      mode: Number(stats.mode) & 0o7777,
      uid: 0,
      gid: 0,
      size: kind === 'file' ? Number(stats.size) : 0,
      mtime: timeOf(stats.mtimeNs),
      ...(kind === 'symlink' ? { target: readlinkSync(full, 'latin1') } : {}),
      ...(kind === 'character' || kind === 'block' ? { device: deviceOf(stats.rdev) } : {}),
      ...(kind === 'file' && stats.nlink > 1n ? { inode: `${stats.dev}:${stats.ino}` } : {}),
    }
  }

  /** Opens what was listed, and nothing that has taken its place: a symlink, another file. */
  #open(entry: TreeEntry): number {
    let fd: number
    try {
      fd = openSync(this.#full(entry.path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    } catch (cause) {
      throw unreadable(entry.path, cause)
    }
    const stats = fstatSync(fd, { bigint: true })
    if (stats.isFile() && fileState(stats) === this.#states.get(entry.path)) return fd
    closeSync(fd)
    throw changed(entry)
  }
}

const readAll = (fd: number, entry: TreeEntry): Buffer => {
  try {
    const bytes = Buffer.allocUnsafe(entry.size)
    let at = 0
    while (at < bytes.length) {
      const count = readSync(fd, bytes, at, bytes.length - at, at)
      if (count === 0) throw changed(entry)
      at += count
    }
    return bytes
  } finally {
    closeSync(fd)
  }
}

const cannotRead = (path: string): string => `Cannot read "${shownPath(path)}" of the build context`

const changed = ({ path }: TreeEntry, cause?: unknown): GantryError =>
  new GantryError('failed_precondition', 'CONTEXT_CHANGED', `${cannotRead(path)}: it changed meanwhile`, {
    cause,
    hint: 'build again when nothing writes to the folder',
  })

const unreadable = (path: string, cause: unknown): GantryError =>
  systemCode(cause) === 'EACCES'
    ? new GantryError('permission_denied', 'EACCES', `${cannotRead(path)}: permission denied`, {
        cause,
        hint: 'name it in .dockerignore if the image does not need it',
      })
    : new GantryError('failed_precondition', 'CONTEXT_CHANGED', `${cannotRead(path)}: ${messageOf(cause)}`, { cause })

const kindOf = (stats: BigIntStats): TreeEntry['kind'] | undefined => {
  if (stats.isFile()) return 'file'
  if (stats.isDirectory()) return 'folder'
  if (stats.isSymbolicLink()) return 'symlink'
  if (stats.isFIFO()) return 'fifo'
  if (stats.isCharacterDevice()) return 'character'
  return stats.isBlockDevice() ? 'block' : undefined
}

const timeOf = (nanoseconds: bigint): TreeEntry['mtime'] => {
  const second = 1_000_000_000n
  const rest = ((nanoseconds % second) + second) % second
  return { seconds: Number((nanoseconds - rest) / second), nanoseconds: Number(rest) }
}

/** Linux' 64-bit dev_t. */
const deviceOf = (device: bigint): { readonly major: number; readonly minor: number } => ({
  major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
  minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
})
