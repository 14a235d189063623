import { isUtf8 } from 'node:buffer'

/** Text out of an archive. `raw` holds the bytes if they are not UTF-8; `text` is then lossy. */
export interface Text {
  readonly text: string
  readonly raw?: Buffer
}

/** Decodes the bytes from `start` to `end`, which are copied, never kept. */
export const decodeText = (bytes: Buffer, start: number, end: number): Text => {
  for (let i = start; i < end; i++) {
    if ((bytes[i] as number) < 0x80) continue
    const part = bytes.subarray(start, end)
    return isUtf8(part) ? { text: part.toString('utf8') } : { text: part.toString('utf8'), raw: Buffer.from(part) }
  }
  return { text: bytes.toString('latin1', start, end) }
}

/** What most fields say. */
export const noText: Text = { text: '' }

const fieldEnd = (bytes: Uint8Array, start: number, length: number): number => {
  let end = start
  while (end < start + length && bytes[end] !== 0) end++
  return end
}

/** The text of a NUL-terminated field. */
export const readText = (bytes: Buffer, start: number, length: number): Text =>
  bytes[start] === 0 ? noText : decodeText(bytes, start, fieldEnd(bytes, start, length))

/** True for text of ASCII characters alone. */
export const isAsciiText = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false
  return true
}

/** The bytes of a text. */
export const bytesOf = (text: Text): Uint8Array => text.raw ?? Buffer.from(text.text)
