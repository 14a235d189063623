/** Symbols of deflate's alphabets (RFC 1951 §3.2.5): how lengths and distances become a code and extra bits. */
export const endOfBlock = 256
export const literalSymbols = 286
export const distanceSymbols = 30
export const maxMatch = 258

const lengthBase = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227]

/** Extra bits of the length symbols, 257 first. */
export const lengthExtra: readonly number[] = [...lengthBase.map((_, at) => Math.max(0, (at >> 2) - 1)), 0]
export const lengthStart: readonly number[] = [...lengthBase, maxMatch]

/** Which of the length symbols a length has, 257 being 0. */
export const lengthSlot = new Uint8Array(maxMatch + 1)
lengthStart.forEach((start, slot) => lengthSlot.fill(slot, start))

/** Extra bits of the distance symbols, and the least distance of each. */
export const distanceExtra = Uint8Array.from({ length: distanceSymbols }, (_, at) => Math.max(0, (at >> 1) - 1))
export const distanceStart = new Uint16Array(distanceSymbols)
for (let slot = 1; slot < distanceSymbols; slot++)
  distanceStart[slot] = (distanceStart[slot - 1] as number) + (slot === 1 ? 1 : 1 << (distanceExtra[slot - 1] as number))

const slots = new Uint8Array(512)
for (let slot = 0; slot < distanceSymbols; slot++) {
  const start = distanceStart[slot] as number
  const end = slot + 1 < distanceSymbols ? (distanceStart[slot + 1] as number) : 32_768
  for (let distance = start; distance < end; distance++)
    if (distance < 256) slots[distance] = slot
    else slots[256 + (distance >> 7)] = slot
}

/** The distance symbol of a distance less one: small ones have a place each, larger ones one for each 128. */
export const distanceSlots = slots
