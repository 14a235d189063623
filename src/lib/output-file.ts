import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { ByteStream } from './bytes.ts'
import { temporaryName } from './files.ts'

/** Writes a file that the user asked for: whole or not at all. */
export const writeOutput = async (path: string, bytes: ByteStream): Promise<void> => {
  const temporary = temporaryName(path)
  try {
    await pipeline(bytes, createWriteStream(temporary, { flags: 'wx' }))
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
