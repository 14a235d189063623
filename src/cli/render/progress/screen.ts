import { stripVTControlCharacters } from 'node:util'
import { displayWidth } from '../display-width.ts'
import type { ProgressTarget } from './progress.ts'

const hideCursor = '\u001b[?25l'
const showCursor = '\u001b[?25h'
const clearLine = '\u001b[K'
const clearBelow = '\u001b[J'

/** A block of lines at the bottom of a terminal that is drawn over again and again. */
export class Screen {
  readonly #target: ProgressTarget
  #drawn: readonly string[] = []
  #hidden = false

  constructor(target: ProgressTarget) {
    this.#target = target
  }

  /** To the block's first line; a terminal that became narrower has wrapped the lines that were drawn. */
  #home(): string {
    const { columns } = this.#target.size()
    const rows = this.#drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(stripVTControlCharacters(line)) / columns)),
      0,
    )
    return rows === 0 ? '' : `\r\u001b[${rows}A`
  }

  /** Draws the block anew, with `above` as lasting lines before it. The block's lines must be narrower than the terminal. */
  draw(lines: readonly string[], above: readonly string[] = []): void {
    const lasting = above.length === 0 ? '' : `${clearBelow}${above.join('\n')}\n`
    const block = lines.map((line) => `${line}${clearLine}\n`).join('')
    const rest = lines.length < this.#drawn.length ? clearBelow : ''
    this.#target.write(`${this.#hidden ? '' : hideCursor}${this.#home()}${lasting}${block}${rest}`)
    this.#hidden = true
    this.#drawn = lines
  }

  /** Leaves what is drawn where it is and gives the cursor back. */
  close(): void {
    if (this.#hidden) this.#target.write(showCursor)
    this.#hidden = false
    this.#drawn = []
  }
}
