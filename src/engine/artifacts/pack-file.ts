import { createReadStream, type Stats } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { basename, isAbsolute, join, normalize, resolve, sep } from 'node:path'
import { compress } from '../../lib/compression.ts'
import { GantryError, messageOf, systemCode } from '../../lib/errors.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { writeTar, type TarInput } from '../../lib/tar/writer.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { createDigester, type Digest } from '../../oci/digest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { folderDigestKey, titleKey, unpackKey } from './annotations.ts'

/** A file or folder of an artifact as a user writes it. */
export interface ArtifactFile {
  /** Where it is. */
  readonly path: string
  /** What it is called in the artifact: a relative path with slashes. */
  readonly title: string
  /** Default `application/octet-stream`; for a folder a gzip layer. */
  readonly mediaType?: string
}

/** A blob of an artifact that is a file on this machine, or made of a folder each time it is read: the same bytes, always. */
export interface PackedFile {
  readonly descriptor: Descriptor
  readonly open: () => ByteStream
}

/** What a file is called in an artifact: as it was typed; its last name only where that is no path below a folder. */
export const titleOf = (typed: string): string => {
  const normal = normalize(typed).split(sep).join('/').replace(/\/+$/, '')
  return isAbsolute(typed) || normal === '.' || normal.split('/').includes('..') ? basename(resolve(typed)) : normal
}

/** Reads a file or folder once, for its digest. */
export const packFile = async (file: ArtifactFile, options: Abortable = {}): Promise<PackedFile> => {
  const stats = await statOf(file.path)
  if (!stats.isFile() && !stats.isDirectory())
    throw new GantryError('invalid_argument', 'NOT_A_FILE', `Cannot read "${file.path}": it is neither a file nor a folder`)
  const titled = { [titleKey]: file.title }
  if (stats.isFile()) {
    const open = (): ByteStream => createReadStream(file.path, { highWaterMark: 1 << 18 }) as AsyncIterable<Uint8Array>
    const { digest, size } = await measure(open(), options)
    return { descriptor: { mediaType: file.mediaType ?? 'application/octet-stream', digest, size, annotations: titled }, open }
  }
  const tar = (): ByteStream => writeTar(folderEntries(file.path, file.title))
  const open = (): ByteStream => compress(tar(), 'gzip')
  const content = await measure(tar(), options)
  const { digest, size } = await measure(open(), options)
  const annotations = { ...titled, [folderDigestKey]: content.digest, [unpackKey]: 'true' }
  return { descriptor: { mediaType: file.mediaType ?? mediaTypes.ociLayerGzip, digest, size, annotations }, open }
}

const statOf = async (path: string): Promise<Stats> => {
  try {
    return await lstat(path)
  } catch (cause) {
    const kind = systemCode(cause) === 'ENOENT' ? 'not_found' : 'invalid_argument'
    throw new GantryError(kind, 'READ_FAILED', `Cannot read "${path}": ${messageOf(cause)}`, { cause })
  }
}

const measure = async (
  stream: ByteStream,
  { signal }: Abortable,
): Promise<{ readonly digest: Digest; readonly size: number }> => {
  const digester = createDigester()
  let size = 0
  for await (const chunk of stream) {
    signal?.throwIfAborted()
    digester.update(chunk)
    size += chunk.length
  }
  return { digest: digester.digest(), size }
}

const owner = { uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } } as const

/** A folder's entries in the order of their names, without owners and times, so that the same files give the same digest. */
async function* folderEntries(path: string, name: string): AsyncIterable<TarInput> {
  const stats = await lstat(path)
  const mode = stats.mode & 0o777
  if (stats.isSymbolicLink()) yield { name, kind: 'symlink', mode, size: 0, linkName: await readlink(path), ...owner }
  else if (stats.isFile()) {
    const body = createReadStream(path) as AsyncIterable<Uint8Array>
    yield { name, kind: 'file', mode, size: stats.size, body, ...owner }
  } else if (stats.isDirectory()) {
    yield { name, kind: 'folder', mode, size: 0, ...owner }
    for (const child of (await readdir(path)).toSorted()) yield* folderEntries(join(path, child), `${name}/${child}`)
  } else throw new GantryError('unsupported', 'SPECIAL_FILE', `Cannot pack "${path}": it is no file, folder or symlink`)
}
