import type { CliContext } from './command.ts'

/**
 * Prints rows as docker's list commands do: a table with the given columns (field → heading), or whatever `format` asks for.
 * `more` has the headings of fields that only a template shows.
 */
export const printRows = async <R extends object>(
  context: CliContext,
  rows: readonly R[],
  columns: Readonly<Partial<Record<keyof R & string, string>>>,
  format?: string,
  more?: Readonly<Partial<Record<keyof R & string, string>>>,
): Promise<void> => {
  if (format === undefined || format === 'table') {
    const { renderTable } = await import('./render/table.ts')
    const fields = Object.keys(columns) as (keyof R & string)[]
    context.write(
      renderTable([fields.map((field) => columns[field] ?? ''), ...rows.map((row) => fields.map((field) => String(row[field])))]),
    )
    return
  }
  const { formatRows } = await import('./render/format.ts')
  context.write(formatRows(format, rows as readonly Record<string, unknown>[], { ...columns, ...more } as Record<string, string>))
}
