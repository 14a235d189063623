import type { CliContext } from './command.ts'
import { describeError } from './report-error.ts'

/** Does something to each name, printing those that worked; a failure does not keep the others from being tried. Answers the exit status. */
export const forEachName = async (
  context: CliContext,
  command: string,
  names: readonly string[],
  work: (name: string) => Promise<unknown>,
): Promise<number> => {
  let status = 0
  for (const name of names) {
    try {
      await work(name)
      context.print(name)
    } catch (error) {
      status = 1
      context.warn(describeError(error, false, command))
    }
  }
  return status
}
