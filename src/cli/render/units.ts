import { cutToWidth, displayWidth } from './display-width.ts'
import { quote } from './go-quote.ts'

export { bytesSize, formatG, humanSize } from '../../lib/human-size.ts'

/** Milliseconds in words as docker prints them: `About a minute`, `2 weeks`. */
export const humanDuration = (milliseconds: number): string => {
  const seconds = Math.trunc(milliseconds / 1000)
  const minutes = Math.trunc(milliseconds / 60_000)
  const hours = Math.trunc(milliseconds / 3_600_000 + 0.5)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 14) return `${Math.trunc(hours / 24)} days`
  if (hours < 24 * 60) return `${Math.trunc(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`
  return `${Math.trunc(milliseconds / 3_600_000 / 24 / 365)} years`
}

/** The 12 hexadecimal digits by which users know an ID or a digest. */
export const shortId = (id: string): string => id.slice(id.indexOf(':') + 1).slice(0, 12)

/** A text cut to a width in columns, with `…` as its last character where something is left out, as docker cuts. */
export const ellipsis = (text: string, width: number): string => {
  if (width <= 0) return ''
  if (width === 1) return Array.from(text)[0] ?? ''
  return displayWidth(text) <= width ? text : `${cutToWidth(text, width - 1)}…`
}

/** A container's command as `ps` shows it: words with blanks in single quotes, cut to 20 columns unless `full`, all in double quotes. */
export const quoteCommand = (words: readonly string[], full = false): string => {
  const [program = '', ...args] = words
  const command = [program, ...args.map((word) => (word.includes(' ') ? `'${word}'` : word))].join(' ')
  return quote(full ? command : ellipsis(command, 20))
}
