import type { Stats } from 'node:fs'
import { lstat, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError, systemCode } from '../../lib/errors.ts'

const refused = (name: string, reason: string): GantryError =>
  new GantryError('invalid_argument', 'PATH_REFUSED', `Cannot write ${JSON.stringify(name.slice(0, 200))}: ${reason}`)

/** The components of a path that somebody else chose; `invalid_argument` PATH_REFUSED for one that could lead out of a folder. */
export const safeComponents = (name: string): readonly string[] => {
  const components = name.replace(/^\.\//, '').replace(/\/+$/, '').split('/')
  // backslashes and drive letters mean something on Windows only, but an artifact is for every system
  const bad = components.find((part) => part === '' || part === '.' || part === '..' || /[\\\0]/.test(part))
  if (bad !== undefined || /^[A-Za-z]:/.test(name)) throw refused(name, 'the path leads out of the folder')
  return components
}

/**
 * Where such a path is below a folder; the folders on the way are made. One that is a symlink is refused, wherever it leads: what
 * was written before could have put it there.
 */
export const confinedPath = async (folder: string, name: string): Promise<string> => {
  const components = safeComponents(name)
  let path = folder
  for (const component of components.slice(0, -1)) {
    path = join(path, component)
    const stats = await look(path)
    if (stats === undefined) await mkdir(path)
    else if (!stats.isDirectory()) throw refused(name, `"${path}" is no folder`)
  }
  return join(path, components.at(-1) ?? '')
}

/** What is at a path, links not followed; undefined for nothing. */
export const look = async (path: string): Promise<Stats | undefined> => {
  try {
    return await lstat(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
