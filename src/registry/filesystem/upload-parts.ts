import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError, systemCode } from '../../lib/errors.ts'

/*
 * The bytes of an upload lie in its folder as parts, `<start>.<writer>`. A process only ever adds to the part that it made
 * itself, and never changes what it wrote, so that another one that carries the upload on can rely on what it saw without a lock.
 */

export interface UploadPart {
  readonly path: string
  readonly start: number
  readonly writer: string
  /** Bytes that the part holds; of its bytes those before the next part's start count. */
  readonly size: number
}

const partName = /^(\d{1,16})\.([0-9a-f]+)$/

export const partPath = (folder: string, start: number, writer: string): string => join(folder, `${start}.${writer}`)

export const unknownUpload = (id: string): GantryError =>
  new GantryError('not_found', 'BLOB_UPLOAD_UNKNOWN', `Cannot find upload "${id}": it does not exist or has ended`, {
    hint: 'start the upload again',
  })

/** The parts in order: the first starts at 0, each next one at or before the end of the one before. */
export const readParts = async (folder: string, id: string): Promise<readonly UploadPart[]> => {
  const byStart = new Map<number, UploadPart>()
  for (const name of await namesIn(folder, id)) {
    const [, start, writer] = partName.exec(name) ?? []
    if (start === undefined || writer === undefined) continue
    const path = join(folder, name)
    const part = { path, start: Number(start), writer, size: await sizeOf(path, id) }
    const rival = byStart.get(part.start)
    if (rival === undefined || rival.size < part.size) byStart.set(part.start, part)
  }
  return [...byStart.values()].sort((a, b) => a.start - b.start)
}

/** The number of bytes that the parts hold together. */
export const endOfParts = (parts: readonly UploadPart[]): number => {
  const last = parts.at(-1)
  return last === undefined ? 0 : last.start + last.size
}

const namesIn = async (folder: string, id: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw unknownUpload(id)
    throw error
  }
}

const sizeOf = async (path: string, id: string): Promise<number> => {
  try {
    return (await stat(path)).size
  } catch (error) {
    // it was committed or cancelled meanwhile
    if (systemCode(error) === 'ENOENT') throw unknownUpload(id)
    throw error
  }
}
