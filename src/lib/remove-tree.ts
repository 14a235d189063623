import { chmod, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from './errors.ts'

/** Removes a folder with all that is in it, also what a layer made unwritable; nothing there is fine. */
export const removeTree = async (path: string): Promise<void> => {
  try {
    await rm(path, { recursive: true, force: true })
  } catch (error) {
    const code = systemCode(error)
    // ENOENT: somebody else removes it too
    if (code === 'ENOENT') return
    if (code !== 'EACCES' && code !== 'EPERM') throw error
    await openFolders(path)
    await rm(path, { recursive: true, force: true })
  }
}

const openFolders = async (folder: string): Promise<void> => {
  await chmod(folder, 0o700)
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await openFolders(join(folder, entry.name))
}
