/**
 * 16 hex digits for a text, to name a file after it: two FNV-1a hashes of 32 bits. Good against chance, not against one who looks for
 * two texts with the same; it needs nothing that takes time to load.
 */
export const shortHash = (text: string): string => {
  let first = 0x811c_9dc5
  let second = 0x2f0b_4a47
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    first = Math.imul(first ^ code, 0x0100_0193)
    second = Math.imul(second ^ code ^ (at & 0xff), 0x0100_0193)
  }
  return [first, second].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
}
