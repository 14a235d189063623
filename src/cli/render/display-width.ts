const ascii = /^[ -~]*$/

// made when the first character that is not ASCII comes: to look up the properties takes milliseconds
let patterns: { readonly narrow: RegExp; readonly wide: RegExp; readonly marks: RegExp } | undefined
const unicode = (): NonNullable<typeof patterns> =>
  (patterns ??= {
    narrow: /[\uff65-\uffdc]/,
    wide: /[\p{Emoji_Presentation}\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{sc=Bopomofo}\p{sc=Yi}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u,
    marks: /[\p{Mn}\p{Me}\p{Cf}]/u,
  })

const characterWidth = (character: string): number => {
  const { narrow, wide, marks } = unicode()
  return marks.test(character) ? 0 : wide.test(character) && !narrow.test(character) ? 2 : 1
}

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
export const printable = (text: string): string =>
  // as \p{Cc} it would have to be looked up
  // oxlint-disable-next-line no-control-regex
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, ' ')
