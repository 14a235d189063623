import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { GantryError } from '../../lib/errors.ts'

/** Bytes that are read from anywhere. Reading is synchronous: it comes from the page cache, in small pieces, many thousand times. */
export interface RandomAccess {
  readonly size: number
  /** Exactly `length` bytes, which must not be changed; `data_loss` (EROFS_DAMAGED) if they are not there. */
  read(at: number, length: number): Buffer
  close(): void
}

/** What an index is told to be when it makes no sense. */
export const damaged = (reason: string): GantryError =>
  new GantryError('data_loss', 'EROFS_DAMAGED', `Cannot read the index of a layer: ${reason}`, {
    hint: 'remove the layer and pull the image again',
  })

const checkRange = (source: { readonly size: number }, at: number, length: number): void => {
  if (at >= 0 && length >= 0 && at + length <= source.size) return
  throw damaged(`it has ${source.size} bytes and points at byte ${at}`)
}

export const accessBytes = (bytes: Uint8Array): RandomAccess => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return {
    size: bytes.length,
    read(at, length) {
      checkRange(this, at, length)
      return buffer.subarray(at, at + length)
    },
    close: () => undefined,
  }
}

const pageBytes = 64 * 1024
const pageLimit = 64

/** A file, of which the last few pages that were needed are kept: at most 4 MiB. */
export const accessFile = (path: string): RandomAccess => {
  const fd = openSync(path, 'r')
  const pages = new Map<number, Buffer>()
  const { size } = fstatSync(fd)
  const page = (index: number): Buffer => {
    const known = pages.get(index)
    if (known !== undefined) return known
    const bytes = Buffer.allocUnsafeSlow(Math.min(pageBytes, size - index * pageBytes))
    for (let filled = 0; filled < bytes.length;) {
      const count = readSync(fd, bytes, filled, bytes.length - filled, index * pageBytes + filled)
      if (count === 0) throw damaged('it has become shorter')
      filled += count
    }
    const oldest = pages.size < pageLimit ? undefined : pages.keys().next().value
    if (oldest !== undefined) pages.delete(oldest)
    pages.set(index, bytes)
    return bytes
  }
  return {
    size,
    read(at, length) {
      checkRange(this, at, length)
      const first = Math.floor(at / pageBytes)
      const last = Math.floor((at + length - 1) / pageBytes)
      if (first >= last) return page(first).subarray(at - first * pageBytes, at - first * pageBytes + length)
      const parts: Buffer[] = []
      for (let index = first; index <= last; index++) {
        const start = index * pageBytes
        parts.push(page(index).subarray(Math.max(0, at - start), at + length - start))
      }
      return Buffer.concat(parts)
    },
    close: () => closeSync(fd),
  }
}
