import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from './errors.ts'

/** A file as it lies on the disk, whatever its names. */
export interface FileUse {
  /** The same for every name of one file. */
  readonly file: string
  /** Names that it has on the whole disk. */
  readonly links: number
  readonly bytes: number
}

/** Every file at or below a path, once for each name; folders and links count nothing, what is gone meanwhile is left out. */
export const filesAt = (path: string): readonly FileUse[] => {
  const found: FileUse[] = []
  const pending = [path]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    try {
      const stats = lstatSync(next)
      if (stats.isDirectory()) for (const name of readdirSync(next)) pending.push(join(next, name))
      else if (stats.isFile()) found.push({ file: `${stats.dev}:${stats.ino}`, links: stats.nlink, bytes: stats.size })
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error
    }
  }
  return found
}

/** Bytes that are free again when these names go: a file's count with the last of its names. */
export const freedBytes = (uses: Iterable<FileUse>): number => {
  const left = new Map<string, number>()
  let freed = 0
  for (const { file, links, bytes } of uses) {
    const rest = (left.get(file) ?? links) - 1
    left.set(file, rest)
    if (rest === 0) freed += bytes
  }
  return freed
}
