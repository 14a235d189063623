/** Go's unicode.IsSpace, which decides what the Dockerfile frontend takes for a space. */
export const isSpace = (character: string): boolean => {
  const code = character.charCodeAt(0)
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d)
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  )
}

export const trimStart = (text: string): string => {
  let start = 0
  while (start < text.length && isSpace(text.charAt(start))) start++
  return text.slice(start)
}

export const trimSpace = (text: string): string => {
  let end = text.length
  while (end > 0 && isSpace(text.charAt(end - 1))) end--
  return trimStart(text.slice(0, end))
}

const blank = /[\t\v\f\r ]+/g

/** Splits at runs of blanks; text that starts or ends with one gives an empty part there. */
export const splitBlanks = (text: string): string[] => text.split(blank)

/** The text before the first run of blanks, and what follows it if there is one. */
export const cutBlanks = (text: string): readonly [string, string | undefined] => {
  blank.lastIndex = 0
  const match = blank.exec(text)
  return match === null ? [text, undefined] : [text.slice(0, match.index), text.slice(match.index + match[0].length)]
}
