import { cutBlanks, isSpace, trimSpace } from './text.ts'

/**
 * Splits at blanks that are not quoted or escaped; quotes and escapes stay, for the expansion that comes later. This is how ENV,
 * LABEL and ARG find their `name=value` words.
 */
export const splitWords = (text: string, escape: string): string[] => {
  const words: string[] = []
  const characters = Array.from(text)
  let word = ''
  let quote: string | undefined
  let started = false
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string
    if (quote === undefined && isSpace(character)) {
      if (started) words.push(word)
      word = ''
      started = false
      continue
    }
    // an escape character does nothing between single quotes, and nothing at the end
    if (character === escape && quote !== "'") {
      const next = characters[++at]
      if (next === undefined) break
      word += character + next
      started = true
      continue
    }
    if (quote === undefined && (character === "'" || character === '"')) quote = character
    else if (character === quote) quote = undefined
    word += character
    started = true
  }
  if (started) words.push(word)
  return words
}

/** The `--name[=value]` words at the beginning of an instruction's arguments, quotes and escapes removed, and what follows them. */
export const splitFlags = (text: string, escape: string): { readonly flags: readonly string[]; readonly rest: string } => {
  const flags: string[] = []
  let at = 0
  for (;;) {
    while (at < text.length && isSpace(text.charAt(at))) at++
    if (!text.startsWith('--', at)) return { flags, rest: text.slice(at) }
    const { word, end, blankAllowed } = readFlag(text, at, escape)
    at = end
    if (word === '--') return { flags, rest: text.slice(at) }
    if (word !== '' || blankAllowed) flags.push(word)
  }
}

const readFlag = (
  text: string,
  start: number,
  escape: string,
): { readonly word: string; readonly end: number; readonly blankAllowed: boolean } => {
  let word = ''
  let quote: string | undefined
  let blankAllowed = false
  let at = start
  for (; at < text.length; at++) {
    const character = text.charAt(at)
    if (quote === undefined && isSpace(character)) break
    if (character === escape) {
      if (at + 1 < text.length) word += text.charAt(++at)
    } else if (character === quote) quote = undefined
    else if (quote === undefined && (character === "'" || character === '"')) {
      quote = character
      blankAllowed = true
    } else word += character
  }
  return { word, end: at, blankAllowed }
}

/** An instruction's first word, its flags, and its arguments without blanks around them. */
export interface InstructionParts {
  readonly name: string
  readonly flags: readonly string[]
  readonly rest: string
}

export const splitInstruction = (line: string, escape: string): InstructionParts => {
  const [name, args] = cutBlanks(trimSpace(line))
  if (args === undefined) return { name, flags: [], rest: '' }
  const { flags, rest } = splitFlags(args, escape)
  return { name, flags, rest: trimSpace(rest) }
}
