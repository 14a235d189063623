import { readSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { GantryError, throwIfAborted } from '../../lib/errors.ts'
import { tarPadding, type TarEntry } from '../../lib/tar/entry.ts'
import { TarParser } from '../../lib/tar/parser.ts'
import { readHandle } from '../file-stream.ts'
import type { ByteRange } from '../interfaces.ts'

/** A file inside a tar: where its bytes stand. */
export interface TarFile {
  readonly offset: number
  readonly size: number
}

type Found =
  | (TarFile & { readonly kind: 'file' })
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'sparse' }

const entryLimit = 200_000
const linkLimit = 10

const invalid = (code: string, reason: string): GantryError =>
  new GantryError('invalid_argument', code, `Cannot read the archive: ${reason}`)

/** A path of the archive without `.`, `..` and slashes too many; undefined if it leads out. */
const clean = (path: string): string | undefined => {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return parts.join('/')
}

/** The files of a tar by name, read where they stand: nothing is unpacked, so no name can do harm. The last of several entries of a name counts. */
export class TarFiles {
  readonly #handle: FileHandle
  readonly #entries: ReadonlyMap<string, Found>

  private constructor(handle: FileHandle, entries: ReadonlyMap<string, Found>) {
    this.#handle = handle
    this.#entries = entries
  }

  /** Reads the headers of an open file, not the bodies. The handle stays the caller's. */
  static async index(handle: FileHandle, options: Abortable = {}): Promise<TarFiles> {
    return new TarFiles(handle, await indexTar(handle, options))
  }

  /** The file of a name, links inside the archive followed; undefined if there is none. */
  find(name: string): TarFile | undefined {
    let at = clean(name)
    for (let links = 0; at !== undefined && links < linkLimit; links++) {
      const found = this.#entries.get(at)
      switch (found?.kind) {
        case undefined:
          return undefined
        case 'file':
          return found
        case 'sparse':
          throw invalid('ARCHIVE_SPARSE', `"${name}" is stored as a sparse file`)
        case 'link':
          at = clean(found.target)
      }
    }
    throw invalid('ARCHIVE_LINK', at === undefined ? `"${name}" leads out of it` : `"${name}" has too many links`)
  }

  /** As find(), where the archive is broken without the file: `invalid_argument` ARCHIVE_INCOMPLETE. */
  need(name: string): TarFile {
    const file = this.find(name)
    if (file === undefined) throw invalid('ARCHIVE_INCOMPLETE', `it has no file "${name}"`)
    return file
  }

  /** A small file in memory; `resource_exhausted` above `limit` bytes. */
  read(file: TarFile, limit: number): Buffer {
    if (file.size > limit)
      throw new GantryError(
        'resource_exhausted',
        'TOO_LARGE',
        `Cannot read the archive: a file in it has more than ${limit} bytes`,
      )
    const bytes = Buffer.allocUnsafe(file.size)
    for (let at = 0; at < bytes.length;) {
      const count = readSync(this.#handle.fd, bytes, at, bytes.length - at, file.offset + at)
      if (count === 0) throw invalid('ARCHIVE_TRUNCATED', 'it ends in the middle of a file')
      at += count
    }
    return bytes
  }

  stream(file: TarFile, options: Abortable & { readonly range?: ByteRange } = {}): ByteStream {
    const { start = 0, end = file.size } = options.range ?? {}
    return readHandle(this.#handle, file.offset + start, file.offset + Math.min(file.size, end), options)
  }
}

const readSize = 64 * 1024
/** Stands for the bytes of bodies, which the parser counts but does not look at. */
const unread = Buffer.alloc(1 << 20)

const indexTar = async (handle: FileHandle, options: Abortable): Promise<ReadonlyMap<string, Found>> => {
  const entries = new Map<string, Found>()
  let bodyEnd = 0
  const parser = new TarParser({
    entry: (entry, offset) => {
      if (entries.size === entryLimit) throw invalid('ARCHIVE_TOO_MANY', `it has more than ${entryLimit} files`)
      bodyEnd = offset + stored(entry) + tarPadding(stored(entry))
      const name = clean(entry.name)
      if (name === undefined)
        throw invalid('ARCHIVE_NAME', `the name ${JSON.stringify(entry.name.slice(0, 200))} leads out of it`)
      const found = placeOf(entry, name, offset)
      if (found === undefined) entries.delete(name)
      else entries.set(name, found)
    },
  })
  const { size } = await handle.stat()
  const buffer = Buffer.allocUnsafeSlow(readSize)
  for (let position = 0; position < size && !parser.ended;) {
    throwIfAborted(options.signal)
    const { bytesRead } = await handle.read(buffer, 0, readSize, position)
    if (bytesRead === 0) break
    parser.feed(buffer.subarray(0, bytesRead))
    position += bytesRead
    // the rest of a body is skipped, not read; a body that goes beyond the end is caught by finish()
    const skipTo = Math.min(bodyEnd, size)
    for (; position < skipTo; position += Math.min(unread.length, skipTo - position))
      parser.feed(unread.subarray(0, Math.min(unread.length, skipTo - position)))
  }
  parser.finish()
  return entries
}

const stored = (entry: TarEntry): number =>
  entry.sparse === undefined ? entry.size : entry.sparse.reduce((sum, extent) => sum + extent.length, 0)

/** What a header says is at a name; folders and devices are nothing. */
const placeOf = ({ kind, linkName = '', size, sparse }: TarEntry, name: string, offset: number): Found | undefined => {
  if (kind === 'file') return sparse === undefined ? { kind: 'file', offset, size } : { kind: 'sparse' }
  if (kind === 'hardlink') return { kind: 'link', target: linkName }
  // an absolute target is taken from the archive's root, where it would be if it were unpacked into a chroot
  if (kind === 'symlink') return { kind: 'link', target: linkName.startsWith('/') ? linkName : `${name}/../${linkName}` }
  return undefined
}
