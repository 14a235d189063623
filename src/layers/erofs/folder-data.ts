import { blockBytes, direntBytes, setInt64 } from './format.ts'

/** One name in a folder. */
export interface Dirent {
  /** One character per byte. */
  readonly name: string
  readonly inode: number
  readonly type: number
}

/** How names, in order, are dealt out to blocks: a block begins with its dirents, the names follow; none crosses its end. */
export interface FolderShape {
  /** Index of the first name of each block. */
  readonly starts: readonly number[]
  /** Bytes used in the last block. */
  readonly tail: number
}

export const shapeFolder = (names: readonly string[]): FolderShape => {
  const starts = [0]
  let used = 0
  for (const [index, name] of names.entries()) {
    const bytes = direntBytes + name.length
    if (used + bytes > blockBytes) {
      starts.push(index)
      used = 0
    }
    used += bytes
  }
  return { starts, tail: used }
}

/** Writes one block of a folder at `at`; the rest of the block must be zeros, which end the last name. */
export const writeFolderBlock = (target: DataView, at: number, dirents: readonly Dirent[]): void => {
  let nameAt = dirents.length * direntBytes
  let entryAt = at
  for (const { name, inode, type } of dirents) {
    setInt64(target, entryAt, inode)
    target.setUint16(entryAt + 8, nameAt, true)
    target.setUint8(entryAt + 10, type)
    for (let c = 0; c < name.length; c++) target.setUint8(at + nameAt + c, name.charCodeAt(c))
    nameAt += name.length
    entryAt += direntBytes
  }
}

/** Reads a block, or the used part of the last one; undefined if it is damaged. */
export const readFolderBlock = (block: Buffer): Dirent[] | undefined => {
  if (block.length < direntBytes) return undefined
  const first = block.readUInt16LE(8)
  const count = first / direntBytes
  if (!Number.isInteger(count) || count === 0 || first > block.length) return undefined
  const dirents: Dirent[] = []
  let nameAt = first
  for (let i = 0; i < count; i++) {
    const at = i * direntBytes
    const end = i + 1 < count ? block.readUInt16LE(at + direntBytes + 8) : lastEnd(block, nameAt)
    if (block.readUInt16LE(at + 8) !== nameAt || end <= nameAt || end > block.length || end - nameAt > 255) return undefined
    const name = block.toString('latin1', nameAt, end)
    if (name.includes('/') || name.includes('\0')) return undefined
    const inode = block.readUInt32LE(at + 4) * 0x1_0000_0000 + block.readUInt32LE(at)
    dirents.push({ name, inode, type: block.readUInt8(at + 10) })
    nameAt = end
  }
  return dirents
}

const lastEnd = (block: Buffer, from: number): number => {
  const end = block.indexOf(0, from)
  return end < 0 ? block.length : end
}
