import { lockInvalid } from './lock-error.ts'

const token = /\s*(?:"((?:[^"\\\n]|\\.)*)"|([^\s",:]+(?::[^\s",:]+)*)|([,:]))/y

/** The words of a line, with commas and colons that stand alone. */
const wordsOf = (line: string): readonly string[] | undefined => {
  const words: string[] = []
  token.lastIndex = 0
  while (token.lastIndex < line.length) {
    const match = token.exec(line)
    if (match === null) return undefined
    const [, quoted, plain, mark] = match
    words.push(quoted === undefined ? (plain ?? ` ${mark}`) : quoted.replace(/\\(.)/g, '$1'))
  }
  return words
}

/**
 * Reads a yarn.lock of version 1 into the form that a newer one has: entries by all that they were asked for as. Its format is its
 * own: indented blocks of words, of which the first line ends with a colon.
 */
export const parseClassicLock = (text: string, file: string): ReadonlyMap<string, ReadonlyMap<string, unknown>> => {
  const entries = new Map<string, ReadonlyMap<string, unknown>>()
  let entry: Map<string, unknown> | undefined
  let block: Record<string, string> | undefined
  for (const [index, line] of text
    .replace(/^\u{feff}/u, '')
    .split(/\r?\n/)
    .entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue
    const fail = (): Error => lockInvalid(file, `line ${index + 1} is not what yarn writes`)
    const words = wordsOf(line.trimEnd())
    if (words === undefined) throw fail()
    const depth = line.length - line.trimStart().length
    const opens = words.at(-1) === ' :'
    const plain = words.filter((word) => word !== ' ,' && word !== ' :')
    const [key = '', value = ''] = plain
    if (depth === 0 && opens) {
      entry = new Map()
      block = undefined
      for (const wanted of plain) entries.set(wanted, entry)
    } else if (depth === 2 && entry !== undefined && opens && plain.length === 1) {
      block = Object.create(null) as Record<string, string>
      entry.set(key, block)
    } else if (depth === 2 && entry !== undefined && plain.length === 2) entry.set(key, value)
    else if (depth === 4 && block !== undefined && plain.length === 2) block[key] = value
    else throw fail()
  }
  return entries
}
