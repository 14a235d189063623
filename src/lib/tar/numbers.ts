/**
 * A number field of a header: octal text padded with spaces or NULs, or GNU's base-256 (first bit set, two's complement, big endian).
 * NaN if it is neither, or beyond 2^53. An empty field is 0.
 */
export const readNumber = (block: Uint8Array, at: number, length: number): number => {
  const end = at + length
  if (((block[at] as number) & 0x80) !== 0) return readBinary(block, at, end)
  let i = at
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++
  let value = 0
  for (; i < end; i++) {
    const digit = (block[i] as number) - 0x30
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  while (i < end && block[i] === 0x20) i++
  return i === end || block[i] === 0 ? value : Number.NaN
}

const readBinary = (block: Uint8Array, at: number, end: number): number => {
  const first = block[at] as number
  const negative = (first & 0x40) !== 0
  const flip = negative ? 0xff : 0
  let value = (first ^ flip) & 0x3f
  for (let i = at + 1; i < end; i++) {
    value = value * 256 + ((block[i] as number) ^ flip)
    if (value > Number.MAX_SAFE_INTEGER) return Number.NaN
  }
  return negative ? -value - 1 : value
}

/** Writes octal digits, zero-padded, and a NUL. The value must fit `length - 1` digits: see `fitsOctal`. */
export const writeOctal = (block: Buffer, at: number, length: number, value: number): void => {
  block.write(value.toString(8).padStart(length - 1, '0'), at, 'latin1')
}

/** True if `writeOctal` can write the value in a field of `length` bytes. */
export const fitsOctal = (value: number, length: number): boolean =>
  Number.isInteger(value) && value >= 0 && value < 8 ** (length - 1)

/** Whether the header's checksum is right: the sum of its bytes with the field itself as spaces, unsigned or (old Sun tars) signed. */
export const checksumMatches = (block: Uint8Array, at: number): boolean => {
  const expected = readNumber(block, at + 148, 8)
  const sum = headerSum(block, at)
  if (sum === expected) return true
  let high = 0
  for (let i = 0; i < 512; i++) if ((i < 148 || i >= 156) && (block[at + i] as number) > 127) high++
  return sum - high * 256 === expected
}

/** Sum of a header's bytes with the checksum field taken as eight spaces. */
export const headerSum = (block: Uint8Array, at: number): number => {
  let sum = 8 * 0x20
  for (let i = at + 148; i < at + 156; i++) sum -= block[i] as number
  if ((block.byteOffset + at) % 4 !== 0) {
    for (let i = at; i < at + 512; i++) sum += block[i] as number
    return sum
  }
  // a hot spot: four bytes at a time, in halves of 16 bits that 128 bytes cannot overflow
  const words = new Uint32Array(block.buffer, block.byteOffset + at, 128)
  let even = 0
  let odd = 0
  for (let i = 0; i < 128; i++) {
    const word = words[i] as number
    even += word & 0xff_00ff
    odd += (word >>> 8) & 0xff_00ff
  }
  return sum + (even & 0xffff) + (even >>> 16) + (odd & 0xffff) + (odd >>> 16)
}
