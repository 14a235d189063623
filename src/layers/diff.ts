import { closeSync, constants, fstatSync, openSync, readlinkSync, readSync, type BigIntStats } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { encodeTarHeader, tarEnd } from '../lib/tar/encode.ts'
import { tarPadding, type TarEntry, type TarKind } from '../lib/tar/entry.ts'
import { clampedPythonHeader } from './python-cache.ts'
import { textFromBytes } from './tree/byte-text.ts'
import { opaqueMarker, whiteoutPrefix } from './tree/path.ts'
import { walkUpper, type UpperEntry, type WalkUpperOptions } from './upper-walk.ts'

export interface DiffOptions extends WalkUpperOptions {
  /** Seconds since 1970: later modification times become this one. */
  readonly clampTime?: number
  /** Seconds since 1970: so do those from this one on, even where they are earlier: what has them was made just now. */
  readonly clampFrom?: number
  /** Sees each entry on the way. */
  readonly onEntry?: (entry: UpperEntry) => void
}

const chunkSize = 256 * 1024
const epoch = { seconds: 0, nanoseconds: 0 }

/**
 * The tar of the layer that an overlay's upper folder is: the same bytes for the same folder. Deleted paths are whiteouts, before what
 * else is in their folder; an opaque folder has its marker right behind it, so that every reader has it before what it must not hide. The
 * folder itself, sockets, and the names of users and groups are left out. Nobody may write to the folder meanwhile: a file that changes
 * while it is read is an error (`failed_precondition`, FILE_CHANGED).
 */
export async function* diffUpper(upper: string, options: DiffOptions = {}): ByteStream {
  const chunks = new Chunks()
  const firstNames = new Map<string, string>()
  for (const entry of walkUpper(upper, options)) {
    const { path, stat } = entry
    options.onEntry?.(entry)
    if (stat.isSocket()) continue
    if (entry.whiteout) {
      yield* chunks.add(markerOf(path))
      continue
    }
    const inode = `${stat.dev}:${stat.ino}`
    const first = stat.isDirectory() ? undefined : firstNames.get(inode)
    yield* chunks.add(encodeTarHeader(headerOf(entry, first, options)))
    if (entry.opaque) yield* chunks.add(markerOf(`${path}/${opaqueMarker.slice(whiteoutPrefix.length)}`))
    if (first === undefined && stat.nlink > 1n) firstNames.set(inode, path)
    if (first === undefined && stat.isFile()) yield* chunks.addFile(entry, options)
  }
  yield* chunks.add(tarEnd)
  yield* chunks.rest()
}

/** The empty file that says that `path` is deleted. */
const markerOf = (path: string): Buffer => {
  const slash = path.lastIndexOf('/') + 1
  const { text, raw } = textFromBytes(path.slice(0, slash) + whiteoutPrefix + path.slice(slash))
  return encodeTarHeader({ ...nameOf(text, raw), kind: 'file', mode: 0, uid: 0, gid: 0, size: 0, mtime: epoch })
}

const nameOf = (text: string, raw: Uint8Array | undefined): Pick<TarEntry, 'name' | 'rawName'> =>
  raw === undefined ? { name: text } : { name: text, rawName: raw }

const headerOf = ({ path, file, stat, xattrs }: UpperEntry, first: string | undefined, options: DiffOptions): TarEntry => {
  const { text, raw } = textFromBytes(path)
  const kind = first === undefined ? kindOf(stat) : 'hardlink'
  const target = first ?? (kind === 'symlink' ? readlinkSync(file, { encoding: 'buffer' }).toString('latin1') : undefined)
  const link = target === undefined ? undefined : textFromBytes(target)
  return {
    ...nameOf(text, raw),
    kind,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: kind === 'file' ? Number(stat.size) : 0,
    mtime: timeOf(stat, options),
    ...(link === undefined ? {} : { linkName: link.text }),
    ...(link?.raw === undefined ? {} : { rawLinkName: link.raw }),
    ...(kind === 'character' || kind === 'block' ? { device: deviceOf(stat.rdev) } : {}),
    // the other names of a file have what the first one has
    ...(first === undefined && Object.keys(xattrs).length > 0 ? { xattrs } : {}),
  }
}

const kindOf = (stat: BigIntStats): TarKind => {
  if (stat.isDirectory()) return 'folder'
  if (stat.isSymbolicLink()) return 'symlink'
  if (stat.isCharacterDevice()) return 'character'
  if (stat.isBlockDevice()) return 'block'
  return stat.isFIFO() ? 'fifo' : 'file'
}

const timeOf = (stat: BigIntStats, { clampTime = Infinity, clampFrom = Infinity }: DiffOptions): TarEntry['mtime'] => {
  const seconds = Number(stat.mtimeNs / 1_000_000_000n)
  const nanoseconds = Number(stat.mtimeNs % 1_000_000_000n)
  // before 1970 the division rounds the other way
  const time = nanoseconds < 0 ? { seconds: seconds - 1, nanoseconds: nanoseconds + 1e9 } : { seconds, nanoseconds }
  const isNow = time.seconds + time.nanoseconds / 1e9 >= clampFrom
  return time.seconds >= clampTime || (isNow && clampTime !== Infinity) ? { seconds: clampTime, nanoseconds: 0 } : time
}

/** The same for a time that is kept in whole seconds. */
const clampSeconds =
  ({ clampTime = Infinity, clampFrom = Infinity }: DiffOptions) =>
  (seconds: number): number =>
    clampTime !== Infinity && (seconds >= clampTime || seconds >= Math.floor(clampFrom)) ? clampTime : seconds

/** The reverse of glibc's makedev. */
const deviceOf = (rdev: bigint): { readonly major: number; readonly minor: number } => ({
  major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xffff_f000n)),
  minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffff_ff00n)),
})

/** Gathers small pieces into large chunks; files are read right into them. Synchronous: what was just written is in the page cache. */
class Chunks {
  #chunk = Buffer.allocUnsafeSlow(chunkSize)
  #filled = 0
  #handed = 0

  async *add(bytes: Uint8Array): ByteStream {
    for (let at = 0; at < bytes.length;) {
      const size = Math.min(bytes.length - at, chunkSize - this.#filled)
      this.#chunk.set(bytes.subarray(at, at + size), this.#filled)
      this.#filled += size
      at += size
      if (this.#filled === chunkSize) yield* this.rest()
    }
  }

  async *addFile(entry: UpperEntry, options: DiffOptions): ByteStream {
    const size = Number(entry.stat.size)
    const fd = openSync(entry.file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const header = clampedPythonHeader(fd, entry.path, size, clampSeconds(options))
      if (header !== undefined) yield* this.add(header)
      for (let at = header?.length ?? 0; at < size;) {
        const count = readSync(fd, this.#chunk, this.#filled, Math.min(size - at, chunkSize - this.#filled), at)
        if (count === 0) throw changed(entry)
        this.#filled += count
        at += count
        if (this.#filled === chunkSize) yield* this.rest()
      }
      if (!isSame(fstatSync(fd, { bigint: true }), entry.stat)) throw changed(entry)
    } finally {
      closeSync(fd)
    }
    yield* this.add(tarEnd.subarray(0, tarPadding(size)))
  }

  /** Hands over what there is. */
  async *rest(): ByteStream {
    if (this.#filled === 0) return
    const chunk = this.#chunk.subarray(0, this.#filled)
    this.#chunk = Buffer.allocUnsafeSlow(chunkSize)
    this.#filled = 0
    yield chunk
    // whoever takes these without waiting for anything would keep timers and signals waiting
    if (++this.#handed % 16 === 0) await nextTurn()
  }
}

const isSame = (now: BigIntStats, before: BigIntStats): boolean =>
  now.dev === before.dev &&
  now.ino === before.ino &&
  now.size === before.size &&
  now.mtimeNs === before.mtimeNs &&
  now.ctimeNs === before.ctimeNs

const changed = ({ path }: UpperEntry): GantryError =>
  new GantryError(
    'failed_precondition',
    'FILE_CHANGED',
    `Cannot make a layer: "${textFromBytes(path).text}" changed while it was read`,
    {
      hint: 'stop or pause what writes to it, and try again',
    },
  )
