import { randomBytes } from 'node:crypto'
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import { writeStream } from '../write-stream.ts'

/** Bytes: the largest archive that is unpacked into a temporary file. */
const sizeLimit = 256 * 2 ** 30

/** A stream as an open file that nobody else sees: it has no name any more, so the kernel removes it however this process ends. */
export const spool = async (stream: ByteStream, folder: string, options: Abortable = {}): Promise<FileHandle> => {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${randomBytes(12).toString('hex')}.tmp`)
  const handle = await open(path, 'wx+', 0o600)
  try {
    await rm(path)
    let size = 0
    const onChunk = (chunk: Uint8Array): void => {
      size += chunk.length
      if (size > sizeLimit)
        throw new GantryError('resource_exhausted', 'TOO_LARGE', `Cannot read the archive: it has more than ${sizeLimit} bytes`)
    }
    await writeStream(handle, stream, 0, { ...options, onChunk })
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}
