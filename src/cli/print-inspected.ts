import type { CliContext } from './command.ts'
import { describeError } from './report-error.ts'

/** Prints what `inspect` finds of each name; a name that is not found is reported and does not hide the others. Answers the exit status. */
export const printInspected = async (
  context: CliContext,
  names: readonly string[],
  format: string | undefined,
  inspect: (name: string) => Promise<object>,
): Promise<number> => {
  const found: object[] = []
  let status = 0
  for (const name of names) {
    try {
      found.push(await inspect(name))
    } catch (error) {
      status = 1
      context.warn(describeError(error, false, 'inspect'))
    }
  }
  const { formatInspect } = await import('./render/format.ts')
  context.write(formatInspect(format, found))
  return status
}
