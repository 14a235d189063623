import { constants, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { systemCode } from './errors.ts'
import { randomHex } from './random.ts'
import { explainSystemError, isDiskFull } from './system-error.ts'

/** A name beside `path` that nobody else uses, for temp + fsync + rename. */
export const temporaryName = (path: string): string =>
  join(dirname(path), `.${basename(path)}.${process.pid}.${randomHex(6)}.tmp`)

/** Makes the entries of a folder last: what was renamed into it survives a power cut. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } catch (error) {
    if (systemCode(error) !== 'EINVAL' && systemCode(error) !== 'EPERM') throw error
  } finally {
    await handle.close()
  }
}

/**
 * Replaces a file as a whole: temp + fsync + rename + fsync of the folder, which is made where it is missing. What need not outlive
 * a power cut is written without the fsyncs (`durable` false).
 */
export const writeFileAtomic = async (path: string, data: Uint8Array | string, mode = 0o644, durable = true): Promise<void> => {
  if (!durable) {
    replaceFile(path, data, mode)
    return
  }
  await mkdir(dirname(path), { recursive: true })
  const temporary = temporaryName(path)
  try {
    const handle = await open(temporary, 'wx', mode)
    try {
      await handle.writeFile(data)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw isDiskFull(error) ? explainSystemError(error, path) : error
  }
  await syncFolder(dirname(path))
}

/** Without waiting for the disk there is nothing to wait for. */
const replaceFile = (path: string, data: Uint8Array | string, mode: number): void => {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = temporaryName(path)
  try {
    writeFileSync(temporary, data, { flag: 'wx', mode })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** True if something is at the path (links followed). */
export const exists = async (path: string): Promise<boolean> => {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false
    throw error
  }
}
