import { open, stat, type FileHandle } from 'node:fs/promises'
import { archiveHeadSize, decompressArchive, decompressDetected, detectArchiveCodec } from '../../lib/archive-compression.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { GantryError, isGantryError, messageOf, systemCode } from '../../lib/errors.ts'
import { readHandle } from '../file-stream.ts'
import type { ImageArchive } from '../interfaces.ts'
import { openLayout } from '../layout.ts'
import { readDockerArchive } from './docker-archive.ts'
import { readOciArchive } from './oci-archive.ts'
import { spool } from './spool.ts'
import { TarArchive, type ArchiveContents } from './tar-archive.ts'
import { TarFiles } from './tar-files.ts'

export interface OpenArchiveOptions extends Abortable {
  /** Where a stream and the contents of a compressed file are put while they are read; made where it is missing. */
  readonly temporaryFolder: string
}

/**
 * Opens images that somebody saved: an OCI layout folder, or an archive in a file or a stream, of OCI's or docker's kind, compressed
 * (gzip, zstd, xz, bzip2) or not. A file that is not compressed is read in place. `invalid_argument` for anything else.
 */
export const openArchive = async (source: string | ByteStream, options: OpenArchiveOptions): Promise<ImageArchive> => {
  if (typeof source === 'string' && (await isFolder(source))) return await openLayout(source)
  const handle = await openTar(source, options)
  try {
    const files = await indexed(handle, options)
    return new TarArchive(files, await readContents(files), async () => await handle.close())
  } catch (error) {
    await handle.close()
    throw error
  }
}

const isFolder = async (path: string): Promise<boolean> => {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    const kind = systemCode(cause) === 'ENOENT' ? 'not_found' : 'invalid_argument'
    throw new GantryError(kind, 'ARCHIVE_UNREADABLE', `Cannot open "${path}": ${messageOf(cause)}`, { cause })
  }
}

/** The archive as an uncompressed tar in a file that can be read anywhere. */
const openTar = async (source: string | ByteStream, options: OpenArchiveOptions): Promise<FileHandle> => {
  const { temporaryFolder } = options
  if (typeof source !== 'string') return await spool(await decompressDetected(source), temporaryFolder, options)
  const handle = await open(source)
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) {
      const stream = handle.createReadStream({ autoClose: false }) as AsyncIterable<Uint8Array>
      return await spoolAndClose(await decompressDetected(stream), handle, options)
    }
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(archiveHeadSize), 0, archiveHeadSize, 0)
    const codec = detectArchiveCodec(buffer.subarray(0, bytesRead))
    if (codec === undefined) return handle
    return await spoolAndClose(decompressArchive(readHandle(handle, 0, stats.size, options), codec), handle, options)
  } catch (error) {
    await handle.close()
    throw error
  }
}

const spoolAndClose = async (stream: ByteStream, handle: FileHandle, options: OpenArchiveOptions): Promise<FileHandle> => {
  const spooled = await spool(stream, options.temporaryFolder, options)
  await handle.close()
  return spooled
}

const indexed = async (handle: FileHandle, options: Abortable): Promise<TarFiles> => {
  try {
    return await TarFiles.index(handle, options)
  } catch (cause) {
    if (!isGantryError(cause) || cause.code !== 'TAR_INVALID') throw cause
    throw notAnArchive('it is no tar', cause)
  }
}

const notAnArchive = (reason: string, cause?: unknown): GantryError =>
  new GantryError('invalid_argument', 'NOT_AN_ARCHIVE', `Cannot read the archive: ${reason}`, {
    cause,
    hint: 'make it with "gantry save" or "docker save"; for the tar of a root file system there is "gantry import"',
  })

const readContents = async (files: TarFiles): Promise<ArchiveContents> => {
  if (files.find('oci-layout') !== undefined && files.find('index.json') !== undefined) return readOciArchive(files)
  if (files.find('manifest.json') !== undefined) return await readDockerArchive(files)
  if (files.find('repositories') !== undefined)
    throw new GantryError('unsupported', 'ARCHIVE_TOO_OLD', 'Cannot read the archive: it was written by docker before 1.10', {
      hint: 'load and save it again with a newer docker',
    })
  throw notAnArchive('it has neither "oci-layout" nor "manifest.json"')
}
