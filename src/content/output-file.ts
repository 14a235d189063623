import { open, rename, rm } from 'node:fs/promises'
import type { ByteStream } from '../lib/bytes.ts'
import { temporaryName } from '../lib/files.ts'
import { givingBack } from './giving-back.ts'
import { writeStream } from './write-stream.ts'

/** Writes a file that the user asked for: whole or not at all. */
export const writeOutput = async (path: string, bytes: ByteStream): Promise<void> => {
  const temporary = temporaryName(path)
  const handle = await open(temporary, 'wx')
  try {
    await writeStream(handle, givingBack(bytes), 0)
    await handle.close()
    await rename(temporary, path)
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(temporary, { force: true })
    throw error
  }
}
