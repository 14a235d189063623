import { isUtf8 } from 'node:buffer'
import { isAsciiText, type Text } from '../../lib/tar/text.ts'

/**
 * Names and targets inside a tree are text with one character (0 to 255) per byte: they compare and sort as the bytes do,
 * and a name that is not UTF-8 is not a special case. For ASCII that is the text itself.
 */
export const bytesAsText = (text: string, raw?: Uint8Array): string => {
  if (raw !== undefined) return Buffer.from(raw).toString('latin1')
  return isAsciiText(text) ? text : Buffer.from(text).toString('latin1')
}

/** The text that the bytes are; `raw` has them if they are not UTF-8, and the text is then lossy. */
export const textFromBytes = (bytes: string): Text => {
  if (isAsciiText(bytes)) return { text: bytes }
  const raw = Buffer.from(bytes, 'latin1')
  return isUtf8(raw) ? { text: raw.toString() } : { text: raw.toString(), raw }
}
