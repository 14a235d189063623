import { readSync } from 'node:fs'

const headerSize = 16

/**
 * The header of a compiled Python file, if it holds the time of its source (PEP 552) and `clamp` gives that source another one, with that
 * time in it: else Python would compile the source anew whenever it is imported. Undefined where nothing is to change.
 */
export const clampedPythonHeader = (
  fd: number,
  path: string,
  size: number,
  clamp: (seconds: number) => number,
): Buffer | undefined => {
  if (!path.endsWith('.pyc') || size < headerSize) return undefined
  const header = Buffer.alloc(headerSize)
  // the magic number ends with a line; flags of 0 say that a time follows, and not a hash
  if (readSync(fd, header, 0, headerSize, 0) < headerSize) return undefined
  if (header[2] !== 0x0d || header[3] !== 0x0a || header.readUInt32LE(4) !== 0) return undefined
  const time = header.readUInt32LE(8)
  const clamped = clamp(time)
  if (clamped === time || clamped > 0xffff_ffff) return undefined
  header.writeUInt32LE(clamped, 8)
  return header
}
