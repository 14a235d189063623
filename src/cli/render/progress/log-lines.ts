import { stripVTControlCharacters } from 'node:util'
import { printable } from '../display-width.ts'

/** Longest line of a step's output that is kept, in characters. */
const longest = 16_384

/** Cuts output into lines without control sequences; what a carriage return overwrites is dropped. */
export class LogLines {
  #rest = ''

  /** The lines that the text completes. */
  push(text: string): readonly string[] {
    const lines = (this.#rest + text).split('\n')
    this.#rest = (lines.pop() ?? '').slice(-longest)
    return lines.map(clean)
  }

  /** What remains at the end of the output. */
  end(): readonly string[] {
    const rest = clean(this.#rest)
    this.#rest = ''
    return rest === '' ? [] : [rest]
  }
}

const clean = (line: string): string => {
  const visible = line.replace(/\r+$/, '')
  return printable(stripVTControlCharacters(visible.slice(visible.lastIndexOf('\r') + 1))).slice(0, longest)
}
