import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { syncFolder } from '../../lib/files.ts'
import { systemCode } from '../../lib/errors.ts'

/** Files written and synced at once, which the file system does together. */
const concurrency = 16

/** A folder that lasts: it and the folders above it that had to be made survive a power cut. */
export const makeFolder = async (folder: string): Promise<void> => {
  const first = await mkdir(folder, { recursive: true })
  if (first === undefined) return
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made))
    if (made === first) return
  }
}

/** Renames or writes into a folder, which is made where it is missing. */
const intoFolder = async (path: string, write: () => Promise<void>): Promise<void> => {
  try {
    await write()
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    await makeFolder(dirname(path))
    await write()
  }
}

export interface DurableFile {
  readonly path: string
  readonly data: Uint8Array | string
}

const writeTemporary = async (path: string, data: Uint8Array | string): Promise<void> => {
  const handle = await open(path, 'wx')
  try {
    await handle.writeFile(data)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Replaces files as a whole, by way of a folder for temporary files on the same file system: they appear in the order given,
 * and all of them last once this resolves.
 */
export const writeDurably = async (files: readonly DurableFile[], temporaryFolder: string): Promise<void> => {
  const temporary = files.map((file) => ({ ...file, from: join(temporaryFolder, randomBytes(12).toString('hex')) }))
  try {
    await mapConcurrent(temporary, concurrency, ({ from, data }) => writeTemporary(from, data))
    for (const { from, path } of temporary) await intoFolder(path, () => rename(from, path))
  } catch (error) {
    await Promise.all(temporary.map(({ from }) => rm(from, { force: true })))
    throw error
  }
  await syncFolders(files.map(({ path }) => path))
}

/** Moves a file that has been synced, durably. */
export const renameDurably = async (from: string, path: string): Promise<void> => {
  await intoFolder(path, () => rename(from, path))
  await syncFolder(dirname(path))
}

/** Makes an empty file durably; one that is there is left as it is. */
export const markDurably = async (path: string): Promise<void> => {
  await intoFolder(path, async () => (await open(path, 'a')).close())
  await syncFolder(dirname(path))
}

/** Removes files durably; answers how many there were. */
export const removeDurably = async (paths: readonly string[]): Promise<number> => {
  const removed: string[] = []
  for (const path of paths) {
    try {
      await rm(path)
      removed.push(path)
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
  await syncFolders(removed)
  return removed.length
}

const syncFolders = async (paths: readonly string[]): Promise<void> => {
  await Promise.all([...new Set(paths.map((path) => dirname(path)))].map((folder) => syncFolder(folder)))
}
