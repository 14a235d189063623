import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { decompressDetected } from '../../lib/archive-compression.ts'
import { streamOf, type Abortable, type ByteStream } from '../../lib/bytes.ts'
import { GantryError, throwIfAborted } from '../../lib/errors.ts'
import { humanSize } from '../../lib/human-size.ts'
import type { TarEntry } from '../../lib/tar/entry.ts'
import { readTar } from '../../lib/tar/reader.ts'
import type { Body } from './layer-draft.ts'

/** An entry of an archive whose bytes can be read again. */
export interface SpooledEntry {
  readonly entry: TarEntry
  readonly body?: Body
}

/** True if the bytes are a tar, compressed or not: as docker decides, by whether a first header can be read. */
export const isArchive = async (bytes: ByteStream): Promise<boolean> => {
  try {
    // an empty file is a tar without entries for a reader, but no archive
    for await (const _entry of readTar(await decompressDetected(bytes))) return true
    return false
  } catch {
    return false
  }
}

/**
 * Reads a tar, compressed or not, and keeps the bytes of its files in a new file at `path`, whatever the names in the archive are.
 * Entries in the archive's order. `invalid_argument` for what is no tar.
 */
export const spoolArchive = async (
  bytes: ByteStream,
  path: string,
  options: Abortable = {},
): Promise<readonly SpooledEntry[]> => {
  const entries: SpooledEntry[] = []
  const file = await open(path, 'wx', 0o600)
  try {
    let offset = 0
    const limit = new ExpansionLimit()
    for await (const { body, ...entry } of readTar(await decompressDetected(limit.counted(bytes)))) {
      throwIfAborted(options.signal)
      limit.check(entries.length, offset + (entry.kind === 'file' ? entry.size : 0))
      if (entry.kind !== 'file' || entry.size === 0) {
        entries.push({ entry, ...(entry.kind === 'file' ? { body: emptyBody } : {}) })
        continue
      }
      const digest = await append(file, body)
      entries.push({ entry, body: bodyAt(path, offset, entry.size, digest) })
      offset += entry.size
    }
  } finally {
    await file.close()
  }
  return entries
}

/** Most entries of an archive. */
const entryLimit = 2_000_000

/** Keeps a small archive from filling the disk: no more than 4 GiB comes out of one, or 400 times what it has. */
class ExpansionLimit {
  #read = 0

  async *counted(bytes: ByteStream): ByteStream {
    for await (const chunk of bytes) {
      this.#read += chunk.length
      yield chunk
    }
  }

  check(entries: number, bytes: number): void {
    if (entries < entryLimit && bytes <= Math.max(4 * 1024 ** 3, 400 * this.#read)) return
    throw new GantryError(
      'resource_exhausted',
      'ARCHIVE_BOMB',
      `Cannot extract the archive: ${humanSize(this.#read)} of it would become more than ${entries < entryLimit ? humanSize(bytes) : `${entryLimit} files`}`,
      { hint: 'extract it in a RUN step if that is what you want' },
    )
  }
}

const append = async (file: FileHandle, body: ByteStream): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of body) {
    hash.update(chunk)
    for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten
  }
  return hash.digest('hex')
}

const bodyAt = (path: string, offset: number, size: number, digest: string): Body => ({
  open: () =>
    createReadStream(path, { start: offset, end: offset + size - 1, highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>,
  digest: async () => digest,
})

const emptyDigest = createHash('sha256').digest('hex')
const emptyBody: Body = { open: () => streamOf(), digest: async () => emptyDigest }
