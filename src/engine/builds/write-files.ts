import { chmod, link, lstat, lutimes, mkdir, open, realpath, rename, rm, rmdir, symlink, unlink, utimes } from 'node:fs/promises'
import type { BuiltImage } from '../../build/build-image.ts'
import { writeStream } from '../../content/write-stream.ts'
import { bytesAsText, textFromBytes } from '../../layers/tree/byte-text.ts'
import { throwIfAborted, GantryError, systemCode } from '../../lib/errors.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { nativeFiles } from '../../lib/native-files.ts'
import { randomBytes } from 'node:crypto'
import type { Engine } from '../engine.ts'
import { builtFiles, type BuiltFile, type BuiltFiles } from './built-files.ts'

export interface WriteFilesOptions extends Abortable {
  readonly split?: boolean
  readonly onWarning?: (message: string) => void
}

/**
 * Writes the files of what was built into a folder, which is made where it is missing, over what is there: with their modes and times,
 * as the caller's own. Nothing is written elsewhere: what is in the way is replaced, be it a link, and never followed; folders that have
 * something in them are never removed. Each file is there whole or not at all.
 */
export const writeFiles = async (
  engine: Engine,
  built: BuiltImage,
  destination: string,
  { onWarning = () => undefined, ...options }: WriteFilesOptions,
): Promise<void> => {
  await mkdir(destination, { recursive: true })
  const root = bytesAsText(await realpath(destination))
  for await (const files of builtFiles(engine, built, options)) {
    const folder = files.folder === '' ? root : `${root}/${files.folder}`
    if (files.folder !== '') await makeFolder(bytesOf(folder), 0o755)
    await new Writer(files, folder, onWarning).write(options)
  }
}

/** Paths are text with one character per byte. */
const bytesOf = (path: string): Buffer => Buffer.from(path, 'latin1')

const typeBits = { character: 0o020_000, block: 0o060_000, fifo: 0o010_000 } as const

class Writer {
  readonly #files: BuiltFiles
  readonly #root: string
  readonly #warn: (message: string) => void
  /** Their modes and times are set when nothing is written into them any more. */
  readonly #folders: BuiltFile[] = []
  readonly #skipped = new Set<string>()

  constructor(files: BuiltFiles, root: string, warn: (message: string) => void) {
    this.#files = files
    this.#root = root
    this.#warn = warn
  }

  async write({ signal }: Abortable): Promise<void> {
    for await (const file of this.#files.list()) {
      throwIfAborted(signal)
      await this.#put(file)
    }
    for (const { path, entry } of this.#folders.toReversed()) {
      const target = this.#at(path)
      await chmod(target, entry.mode)
      await utimes(target, ...timesOf(entry.mtime))
    }
  }

  #at(path: string): Buffer {
    return bytesOf(`${this.#root}/${path}`)
  }

  async #put(file: BuiltFile): Promise<void> {
    const { path, entry, sameAs } = file
    const target = this.#at(path)
    if (entry.kind === 'folder') {
      await makeFolder(target)
      this.#folders.push(file)
      return
    }
    if (sameAs !== undefined && this.#skipped.has(sameAs)) return void this.#skipped.add(path)
    const temporary = bytesOf(
      `${this.#root}/${path.slice(0, path.lastIndexOf('/') + 1)}.gantry-${randomBytes(8).toString('hex')}`,
    )
    try {
      if (sameAs !== undefined) await link(this.#at(sameAs), temporary)
      else if (!(await this.#make(temporary, entry))) {
        this.#skipped.add(path)
        this.#warn(`"/${textFromBytes(path).text}" was left out: only root may make devices`)
        return
      }
      await putInPlace(temporary, target)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  }

  /** Makes what is no folder; false if this user may not. */
  async #make(path: Buffer, entry: BuiltFile['entry']): Promise<boolean> {
    const { kind, mode, mtime, size, target = '', rawTarget, device } = entry
    switch (kind) {
      case 'file': {
        const handle = await open(path, 'wx', 0o600)
        try {
          if (size > 0) await writeStream(handle, this.#files.stack.read(entry), 0)
          await handle.chmod(mode)
          await handle.utimes(...timesOf(mtime))
        } finally {
          await handle.close()
        }
        return true
      }
      case 'symlink':
        await symlink(bytesOf(bytesAsText(target, rawTarget)), path)
        await lutimes(path, ...timesOf(mtime))
        return true
      case 'character':
      case 'block':
      case 'fifo':
        try {
          nativeFiles().mknod(path, typeBits[kind] | 0o600, device?.major ?? 0, device?.minor ?? 0)
        } catch (error) {
          if (systemCode(error) !== 'EPERM' && !(error instanceof GantryError && error.code === 'EPERM')) throw error
          return false
        }
        await chmod(path, mode)
        await utimes(path, ...timesOf(mtime))
        return true
      case 'folder':
      case 'whiteout':
        throw new GantryError('internal', 'ENTRY_KIND', `Cannot write a ${kind} as a file`)
    }
  }
}

const timesOf = ({ seconds, nanoseconds }: BuiltFile['entry']['mtime']): [number, number] => {
  const time = seconds + nanoseconds / 1e9
  return [time, time]
}

/** A folder of this path, and no link to one. */
const makeFolder = async (path: Buffer, mode = 0o700): Promise<void> => {
  try {
    return await mkdir(path, mode)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
  if ((await lstat(path)).isDirectory()) return
  await unlink(path)
  await mkdir(path, mode)
}

/** Takes the place of what is there; a folder only if it is empty. */
const putInPlace = async (temporary: Buffer, target: Buffer): Promise<void> => {
  try {
    return await rename(temporary, target)
  } catch (error) {
    if (!['EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw error
  }
  try {
    await rmdir(target)
  } catch (cause) {
    const { text } = textFromBytes(target.toString('latin1'))
    throw new GantryError('already_exists', 'FOLDER_IN_THE_WAY', `Cannot write "${text}": a folder with files in it is there`, {
      cause,
      hint: 'remove it, or write to another folder',
    })
  }
  await rename(temporary, target)
}
