import { GantryError } from './errors.ts'

/**
 * The fields of one line of comma-separated values, as Go's encoding/csv reads them and docker's `--mount`, `--secret` and the like
 * are written: a field that begins with a quote may hold commas, and quotes that are doubled. `invalid_argument` in Go's words.
 */
export const csvFields = (line: string): readonly string[] => {
  const fields: string[] = []
  let at = 0
  for (;;) {
    if (line[at] === '"') {
      let field = ''
      for (at++; ;) {
        const quote = line.indexOf('"', at)
        if (quote < 0) throw csvError(line.length, 'extraneous or missing " in quoted-field')
        field += line.slice(at, quote)
        at = quote + 1
        if (line[at] !== '"') break
        field += '"'
        at++
      }
      fields.push(field)
      if (at === line.length) return fields
      if (line[at] !== ',') throw csvError(at, 'extraneous or missing " in quoted-field')
      at++
      continue
    }
    const comma = line.indexOf(',', at)
    const end = comma < 0 ? line.length : comma
    const field = line.slice(at, end)
    const bare = field.indexOf('"')
    if (bare >= 0) throw csvError(at + bare, 'bare " in non-quoted-field')
    fields.push(field)
    if (comma < 0) return fields
    at = comma + 1
  }
}

const csvError = (at: number, reason: string): GantryError =>
  new GantryError('invalid_argument', 'CSV_INVALID', `parse error on line 1, column ${at + 1}: ${reason}`)
