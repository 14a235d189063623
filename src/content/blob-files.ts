import { closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { ByteStream } from '../lib/bytes.ts'
import { GantryError, systemCode } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestAlgorithm, digestHex, isDigest, type Digest } from '../oci/digest.ts'
import { manifestLimit } from '../oci/manifest.ts'
import { readFileStream } from './file-stream.ts'
import type { ContentSource } from './interfaces.ts'
import { verified, verifyBytes } from './verify.ts'

/** Where an OCI image layout keeps a blob (image-spec image-layout.md §Blobs). */
export const blobPath = (folder: string, digest: Digest): string =>
  // put together by hand: `images` does it for each, and join would take longer than stat
  [folder, 'blobs', digestAlgorithm(digest), digestHex(digest)].join(sep)

/** Bytes of a file, or undefined where there is none. */
const sizeOf = (path: string): number | undefined => {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats?.isFile() === true ? stats.size : undefined
}

/** Bytes of a blob of the layout, or undefined if it has no such blob. */
export const blobSize = (folder: string, digest: Digest): number | undefined => sizeOf(blobPath(folder, digest))

/** True if the layout has the blob; one of another size than the descriptor says is damaged and counts as missing. */
export const hasBlob = (folder: string, { digest, size }: Descriptor): boolean => blobSize(folder, digest) === size

/** The error for content that is not there. `where` names the place: `the store`, an archive. */
export const noSuchBlob = (digest: string, where: string): GantryError =>
  new GantryError('not_found', 'BLOB_UNKNOWN', `Cannot read "${digest}": ${where} does not have it`)

/** The bytes of a layout's blob, as `ContentSource.open` promises; the file is opened when they are first asked for. */
export const openBlob = (
  folder: string,
  descriptor: Descriptor,
  options: Parameters<ContentSource['open']>[1] = {},
): ByteStream => {
  const path = blobPath(folder, descriptor.digest)
  const size = sizeOf(path)
  if (size === undefined) throw noSuchBlob(descriptor.digest, `"${folder}"`)
  const { range } = options
  if (range !== undefined) return readFileStream(path, range.start, Math.min(size, range.end ?? size), options)
  return verified(readFileStream(path, 0, size, options), descriptor)
}

/** A small blob at once, verified: a synchronous read costs some ten microseconds, a twentieth of what promises would. */
export const readBlobFile = (folder: string, descriptor: Descriptor, limit: number = manifestLimit): Buffer => {
  const { digest, size } = descriptor
  if (size > limit)
    throw new GantryError('resource_exhausted', 'TOO_LARGE', `Cannot read "${digest}": it has more than ${limit} bytes`)
  const bytes = readAtMost(blobPath(folder, digest), size + 1)
  if (bytes === undefined) throw noSuchBlob(digest, `"${folder}"`)
  verifyBytes(bytes, descriptor)
  return bytes
}

/** The first bytes of a file, at most `count`; undefined where there is none. */
const readAtMost = (path: string, count: number): Buffer | undefined => {
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const bytes = Buffer.allocUnsafe(count)
    let length = 0
    for (let got = -1; got !== 0 && length < count; length += got) got = readSync(file, bytes, length, count - length, length)
    return bytes.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

/** Every blob of a layout. Files whose names are no digests are left out. */
export async function* listBlobs(folder: string): AsyncIterable<{ readonly digest: Digest; readonly size: number }> {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const blobs = join(folder, 'blobs', algorithm)
    try {
      for await (const { name } of await opendir(blobs)) {
        const digest = `${algorithm}:${name}`
        const size = isDigest(digest) ? sizeOf(join(blobs, name)) : undefined
        if (isDigest(digest) && size !== undefined) yield { digest, size }
      }
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
}
