import { explainBuild } from '../engine/builds/explain.ts'
import type { CliContext } from './command.ts'
import { printable } from './render/display-width.ts'
import { humanDuration } from './render/units.ts'

/** Prints which steps the last build of a folder did, and why each of them was done. */
export const printExplanation = async (context: CliContext, build: Parameters<typeof explainBuild>[1]): Promise<void> => {
  const { at, complete, steps } = await explainBuild(context.engine, build)
  const done = steps.filter(({ outcome }) => outcome !== 'cached').length
  const age = humanDuration(context.now().getTime() - Date.parse(at)).toLowerCase()
  context.print(
    `Built ${age} ago${complete ? '' : ', not to the end'}: ${done} of ${steps.length} steps were done, the rest was cached`,
  )
  for (const { label, outcome, reasons } of steps) {
    context.print(
      `${outcome === 'cached' ? 'cached' : outcome === 'ran' ? 'done  ' : 'FAILED'}  ${printable(label.replaceAll('\n', ' '))}`,
    )
    for (const reason of reasons) context.print(`        because: ${printable(reason)}`)
  }
}
