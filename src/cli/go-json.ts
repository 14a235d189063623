const escaped: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** JSON as Go's encoder indents it. */
export const goJson = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replace(/[<>&\u2028\u2029]/g, (character) => escaped[character] ?? character)

/** Characters, as Go counts them. */
const widthOf = (text = ''): number => Array.from(text).length

/** Columns as Go's tabwriter aligns them: all cells but the last of a row are as wide as the widest, and `padding` more. */
export const alignColumns = (rows: readonly (readonly string[])[], padding: number): string => {
  const widths = (rows[0] ?? []).slice(0, -1).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column]))))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat(column < widths.length ? (widths[column] ?? 0) + padding - widthOf(cell) : 0))
        .join(''),
    )
    .join('\n')
}
