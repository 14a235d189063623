import { displayWidth, printable } from './display-width.ts'

/** docker's columns are at least this wide and are followed by at least `padding` blanks. */
const minWidth = 10
const padding = 3

/**
 * Lays out text whose cells end in tabs, as Go's text/tabwriter does with docker's settings. A column is a run of lines that have a
 * cell there; the last cell of a line belongs to no column. A line that has fewer cells ends the columns to its right.
 */
export const alignColumns = (text: string): string => {
  const lines = text.split('\n').map((line) => line.split('\t'))
  const widths = lines.map((cells) => cells.slice(0, -1).map(displayWidth))
  const columns = widths.reduce((most, line) => Math.max(most, line.length), 0)
  const padded = lines.map((cells) => cells.slice())
  for (let column = 0; column < columns; column++) {
    for (let start = 0; start < lines.length; start++) {
      if (column >= (widths[start]?.length ?? 0)) continue
      let end = start
      let width = minWidth
      for (; column < (widths[end]?.length ?? 0); end++) width = Math.max(width, (widths[end]?.[column] ?? 0) + padding)
      for (let line = start; line < end; line++) {
        const cells = padded[line]
        if (cells !== undefined) cells[column] += ' '.repeat(width - (widths[line]?.[column] ?? 0))
      }
      start = end
    }
  }
  return padded.map((cells) => cells.join('')).join('\n')
}

/** A table of rows of texts, the first being the heading, one line each. */
export const renderTable = (rows: readonly (readonly string[])[]): string =>
  alignColumns(rows.map((cells) => `${cells.map(printable).join('\t')}\n`).join(''))
