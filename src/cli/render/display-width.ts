const narrow = /[\uff65-\uffdc]/
const wide =
  /[\p{Emoji_Presentation}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Bopomofo}\p{sc=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u
const marks = /[\p{Mn}\p{Me}\p{Cf}]/u
const ascii = /^[ -~]*$/

const characterWidth = (character: string): number =>
  marks.test(character) ? 0 : wide.test(character) && !narrow.test(character) ? 2 : 1

/** Columns that a text without control characters takes on a terminal: two for wide East Asian characters and emoji, none for marks. */
export const displayWidth = (text: string): number => {
  if (ascii.test(text)) return text.length
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

/** As much of a text's beginning as fits a width in columns. */
export const cutToWidth = (text: string, width: number): string => {
  if (ascii.test(text)) return text.slice(0, Math.max(0, width))
  let used = 0
  let end = 0
  for (const character of text) {
    used += characterWidth(character)
    if (used > width) break
    end += character.length
  }
  return text.slice(0, end)
}

/** A text for one line of a terminal: control characters, which could move the cursor or end the line, become blanks. */
export const printable = (text: string): string => text.replace(/\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, ' ')
