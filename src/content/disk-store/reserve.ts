import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDiskFull } from '../../lib/system-error.ts'
import { randomHex } from '../../lib/random.ts'

/** Bytes: room for an index.json and for what a lock takes. */
const reserveSize = 256 * 1024

const reservePath = (folder: string): string => join(folder, 'reserve')

/** Keeps some room, unless it is kept already or there is none: whoever removes an image from a full disk has to write before. */
export const keepReserve = (folder: string): void => {
  const path = reservePath(folder)
  if (existsSync(path)) return
  try {
    // random, since a file system may store zeros in no room at all
    writeFileSync(path, Buffer.from(randomHex(reserveSize), 'hex'), { flag: 'wx', mode: 0o600 })
  } catch {
    // somebody else keeps it; or the disk is full, and the next collection tries again
    rmSync(path, { force: true })
  }
}

/** Does what frees room in the end, in the room that was kept if there is no other. */
export const withReserve = async <T>(folder: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (!isDiskFull(error) || !existsSync(reservePath(folder))) throw error
    rmSync(reservePath(folder), { force: true })
    return await work()
  }
}
