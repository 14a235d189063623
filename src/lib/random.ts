import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'

/** Random bytes as hex digits, as unpredictable as node:crypto's, which takes milliseconds to load: the kernel is asked where it can be. */
export const randomHex = (bytes: number): string => {
  let file: number
  try {
    file = openSync('/dev/urandom', 'r')
  } catch {
    return randomBytes(bytes).toString('hex')
  }
  try {
    const buffer = Buffer.alloc(bytes)
    if (readSync(file, buffer) === bytes) return buffer.toString('hex')
  } finally {
    closeSync(file)
  }
  return randomBytes(bytes).toString('hex')
}

/** One of the items. */
export const randomItem = <T>(items: readonly T[]): T | undefined => items[Number.parseInt(randomHex(6), 16) % items.length]
