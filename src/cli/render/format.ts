import { parseTemplate } from './go-template.ts'
import { alignColumns } from './table.ts'
import { toJson } from './template/functions.ts'

type Row = Readonly<Record<string, unknown>>

/** In a format of a list, and only there, `\t` and `\n` may be written as two characters. */
const unescape = (format: string): string =>
  format
    .replace(/^ +| +$/g, '')
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n')

/** docker's lists write the fields of a row in the order of their names. */
const sorted = (row: Row): Row => Object.fromEntries(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))

const tablePrefix = 'table'

/**
 * Rows of a list as `--format` asks: `json` one object a line, `table TEMPLATE` columns under `headings` (field → heading), `table`
 * all columns of `headings`, anything else a template for each row. A wrong template is an `invalid_argument` error.
 */
export const formatRows = (format: string, rows: readonly Row[], headings: Readonly<Record<string, string>>): string => {
  if (format === 'json') return rows.map((row) => `${toJson(sorted(row))}\n`).join('')
  if (!format.startsWith(tablePrefix)) {
    const template = parseTemplate(unescape(format))
    return rows.map((row) => `${template.execute(sorted(row))}\n`).join('')
  }
  const all = Object.keys(headings).map((field) => `{{.${field}}}`)
  const template = parseTemplate(unescape(format.slice(tablePrefix.length)) || all.join('\t'))
  const lines = [template.executeHeading(headings), ...rows.map((row) => template.execute(sorted(row)))]
  return alignColumns(lines.map((line) => `${line}\n`).join(''))
}

/**
 * Objects as `inspect --format` shows them: without a format one JSON array, indented; `json` the same on one line; else a template
 * for each object. Backslashes in the template stay as they are.
 */
export const formatInspect = (format: string | undefined, objects: readonly object[]): string => {
  if (format === undefined || format === '') return `${JSON.stringify(objects, undefined, 4)}\n`
  if (format === 'json') return `${JSON.stringify(objects)}\n`
  const template = parseTemplate(format)
  return objects.map((object) => `${template.execute(object)}\n`).join('')
}
