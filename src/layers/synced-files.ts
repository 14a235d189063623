import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCode } from '../lib/errors.ts'

// Synchronous, for workers: their thread has nothing else to do, and each call costs a tenth of one through the thread pool.

export const writeAllSync = (fd: number, bytes: Uint8Array, from = 0, to = bytes.length): void => {
  for (let at = from; at < to;) at += writeSync(fd, bytes, at, to - at)
}

/** Writes a new file, which lasts only if that is asked for. */
export const writeNewFileSync = (path: string, parts: Iterable<Uint8Array>, durable = false): void => {
  const fd = openSync(path, 'wx', 0o644)
  try {
    for (const part of parts) writeAllSync(fd, part)
    if (durable) fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Writes a new file that lasts. */
export const writeFileSynced = (path: string, parts: Iterable<Uint8Array>): void => writeNewFileSync(path, parts, true)

export const syncFolderSync = (path: string): void => {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** True if a folder could not be renamed because there is one at its place. */
export const isTaken = (error: unknown): boolean => ['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')

/** Puts a finished folder in its place, for good, unless there is one, which is the same then. */
export const commitFolder = (from: string, to: string): void => {
  syncFolderSync(from)
  try {
    renameSync(from, to)
  } catch (error) {
    if (!isTaken(error)) throw error
    rmSync(from, { recursive: true, force: true })
  }
  syncFolderSync(dirname(to))
}
