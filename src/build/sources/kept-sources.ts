import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../lib/errors.ts'
import { tryLock } from '../../lib/lock.ts'

/** A file or a repository that is kept for the next build. */
export interface KeptSource {
  /** Its name, which says nothing of where it came from. */
  readonly key: string
  readonly path: string
  /** Milliseconds since 1970. */
  readonly changedAt: number
  /** False if a build works on it. What a build has of it stays with that build. */
  remove(): Promise<boolean>
}

/** What is kept below the folder of the sources. */
export const listKeptSources = async (folder: string): Promise<readonly KeptSource[]> => {
  const found: KeptSource[] = []
  for (const kind of ['http', 'git'])
    for (const name of await readNames(join(folder, kind))) {
      if (name.endsWith('.lock')) continue
      const path = join(folder, kind, name)
      const stats = await stat(path).catch(() => undefined)
      if (stats === undefined) continue
      const remove = async (): Promise<boolean> => {
        await rm(path, { recursive: true, force: true })
        return true
      }
      found.push({
        key: name,
        path,
        changedAt: stats.mtimeMs,
        remove: async () => {
          if (kind === 'http') return await remove()
          await using free = await tryLock(`${path}.lock`)
          return free !== undefined && (await remove())
        },
      })
    }
  return found
}

const readNames = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
