const escapes: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

const escape = (character: string): string => {
  const known = escapes[character]
  if (known !== undefined) return known
  const code = character.codePointAt(0) ?? 0
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** A text in double quotes as Go's strconv.Quote writes it: what does not print is escaped. */
export const quote = (text: string): string =>
  `"${text.replace(/["\\]|[\p{C}\p{Z}]/gu, (character) => (character === ' ' ? ' ' : escape(character)))}"`

const simple: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
}

/** The text that a Go literal in double or single quotes stands for, or undefined if an escape in it is none of Go's. */
export const unquote = (literal: string): string | undefined => {
  const mark = literal.slice(0, 1)
  let valid = true
  const bytes: string[] = []
  const pattern = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|([\s\S]?))|[^\\]+/gu
  for (const [whole, hex, short, long, octal, letter] of literal.slice(1, -1).matchAll(pattern)) {
    const code = hex ?? short ?? long
    if (code !== undefined || octal !== undefined) {
      const point = code === undefined ? parseInt(octal ?? '', 8) : parseInt(code, 16)
      valid &&= point <= 0x10ffff && (point < 0xd800 || point > 0xdfff) && (octal === undefined || point < 256)
      bytes.push(valid ? String.fromCodePoint(point) : '')
    } else if (letter === undefined) bytes.push(whole)
    else {
      const other = mark === '"' ? "'" : '"'
      valid &&= Object.hasOwn(simple, letter) && letter !== other
      bytes.push(simple[letter] ?? '')
    }
  }
  return valid ? bytes.join('') : undefined
}
