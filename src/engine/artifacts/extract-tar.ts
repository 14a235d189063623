import { chmod, link, mkdir, rm, symlink } from 'node:fs/promises'
import { posix } from 'node:path'
import { GantryError } from '../../lib/errors.ts'
import type { ByteStream } from '../../lib/bytes.ts'
import { writeOutput } from '../../content/output-file.ts'
import { readTar, type TarEntryWithBody } from '../../lib/tar/reader.ts'
import { confinedPath, look, safeComponents } from './confined.ts'

/**
 * Unpacks somebody's tar into a folder that exists, over what is there. Nothing is written elsewhere: no path with `..`, none through
 * a symlink, no symlink to above the folder. Owners, times, setuid and devices are not taken over.
 */
export const extractTar = async (folder: string, tar: ByteStream): Promise<void> => {
  for await (const entry of readTar(tar)) {
    if (entry.name === '.' || entry.name === '' || entry.name === './') continue
    await extract(folder, entry)
  }
}

const extract = async (folder: string, entry: TarEntryWithBody): Promise<void> => {
  const path = await confinedPath(folder, entry.name)
  const there = await look(path)
  const mode = entry.mode & 0o777
  switch (entry.kind) {
    case 'folder':
      if (there === undefined) await mkdir(path)
      else if (!there.isDirectory()) throw notOver(entry.name)
      return await chmod(path, mode | 0o700)
    case 'file':
      if (there?.isDirectory() === true) throw notOver(entry.name)
      await writeOutput(path, entry.body)
      return await chmod(path, mode)
    case 'symlink':
      if (there?.isDirectory() === true) throw notOver(entry.name)
      checkTarget(entry.name, entry.linkName ?? '')
      await rm(path, { force: true })
      return await symlink(entry.linkName ?? '', path)
    case 'hardlink': {
      if (there?.isDirectory() === true) throw notOver(entry.name)
      const target = await confinedPath(folder, entry.linkName ?? '')
      if ((await look(target))?.isFile() !== true) throw leadsOut(entry.name, entry.linkName ?? '')
      await rm(path, { force: true })
      return await link(target, path)
    }
    case 'character':
    case 'block':
    case 'fifo':
      throw new GantryError('unsupported', 'SPECIAL_FILE', `Cannot unpack "${entry.name}": it is no file, folder or link`)
  }
}

const notOver = (name: string): GantryError =>
  new GantryError('already_exists', 'EXISTS', `Cannot unpack "${name}": something of another kind is there`)

const leadsOut = (name: string, target: string): GantryError =>
  new GantryError(
    'invalid_argument',
    'PATH_REFUSED',
    `Cannot unpack "${name}": its target ${JSON.stringify(target)} is not in the folder`,
  )

/** The target as it reads from the link's own folder must stay below the root. */
const checkTarget = (name: string, target: string): void => {
  const reached = posix.normalize(posix.join(posix.dirname(safeComponents(name).join('/')), target))
  if (target === '' || posix.isAbsolute(target) || reached === '..' || reached.startsWith('../') || /[\\\0]/.test(target))
    throw leadsOut(name, target)
}
