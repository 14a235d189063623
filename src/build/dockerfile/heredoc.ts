import { isGantryError } from '../../lib/errors.ts'
import { expand } from './expand.ts'

/** The beginning of a heredoc, as a word of an instruction writes it: `<<EOF`, `<<-"EOF"`, `3<<EOF`. */
export interface HeredocMark {
  /** The terminator, without quotes; also the name of the file that COPY makes of it. */
  readonly name: string
  /** Whether variables in the text are expanded: the terminator is not quoted. */
  readonly expand: boolean
  /** `<<-`: leading tabs of every line go. */
  readonly stripTabs: boolean
}

export interface Heredoc extends HeredocMark {
  /** The lines between, with their line ends, tabs still there. */
  readonly content: string
}

const mark = /^\d*<<(-?)\s*([^<]*)$/
const none = (): undefined => undefined
const quotes = (text: string): number => text.split(/['"]/).length

/** The heredoc that a word begins, or undefined if it begins none. */
export const parseHeredocMark = (word: string): HeredocMark | undefined => {
  const match = mark.exec(word)
  const rest = match?.[2] ?? ''
  if (rest === '') return undefined
  const { words } = expand(rest, none, { keepUnset: true })
  const raw = expand(rest, none, { keepUnset: true, rawQuotes: true }).words
  const [name] = words
  if (name === undefined || words.length !== 1 || raw.length !== 1) return undefined
  return { name, expand: quotes(name) === quotes(raw[0] ?? ''), stripTabs: match?.[1] === '-' }
}

/** The heredocs that an instruction's line begins, in order. A line whose quotes do not match begins none. */
export const heredocMarks = (line: string): HeredocMark[] => {
  const { words } = quiet(() => expand(line, none, { rawQuotes: true, rawEscapes: true, keepUnset: true })) ?? { words: [] }
  return words.flatMap((word) => parseHeredocMark(word) ?? [])
}

const quiet = <T>(work: () => T): T | undefined => {
  try {
    return work()
  } catch (error) {
    if (isGantryError(error)) return undefined
    throw error
  }
}

/** The heredoc's text as the file or the command gets it. */
export const heredocText = (heredoc: Heredoc): string =>
  heredoc.stripTabs ? heredoc.content.replace(/^\t+/gm, '') : heredoc.content
