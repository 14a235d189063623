import { excerpt, lintRules, type DockerfileCheck } from '../engine/check-build.ts'
import type { CliContext } from './command.ts'
import { printable } from './render/display-width.ts'

/** Text whose line breaks stay. */
const lines = (text: string): string => text.split('\n').map(printable).join('\n')

/** Prints what a check has found, as buildx prints it, with what is wrong about it and a fix; answers the exit status. */
export const printCheck = (context: CliContext, check: DockerfileCheck): number => {
  const { warnings, error, unknown } = check
  if (warnings.length > 0)
    context.print(`Check complete, ${warnings.length === 1 ? '1 warning has' : `${warnings.length} warnings have`} been found!`)
  for (const { rule, detail, range, fix } of warnings) {
    context.print(`\nWARNING: ${rule}\n${printable(detail)}\n${lines(excerpt(range))}`)
    context.print(`fix: ${printable(fix)}\nwhy: ${lintRules[rule].why}`)
  }
  for (const { reference, reason } of unknown)
    context.warn(`warning: what depends on the base image "${printable(reference)}" was not checked: ${printable(reason)}`)
  if (error !== undefined) {
    if (warnings.length > 0) context.print('')
    throw error
  }
  if (warnings.length === 0) context.print('Check complete, no warnings found.')
  return warnings.length === 0 ? 0 : 1
}
