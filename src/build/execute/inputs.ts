import { GantryError } from '../../lib/errors.ts'
import type { Tree } from '../tree/tree.ts'
import type { ExecuteContext, FilesResult, Result } from './executor.ts'

/** An input that is a file system; by default the one that a step works on, its first. */
export const filesInput = (inputs: readonly Result[], index = 0): FilesResult => {
  const input = inputs[index]
  if (input?.kind === 'files') return input
  throw new GantryError('internal', 'INPUT_KIND', `Cannot run the step: its input ${index} is no file system`)
}

/** The files of any input, to be read. */
export const treeInput = async (inputs: readonly Result[], index: number, context: ExecuteContext): Promise<Tree> => {
  const input = inputs[index]
  if (input === undefined) throw new GantryError('internal', 'INPUT_MISSING', `Cannot run the step: it has no input ${index}`)
  return input.kind === 'context' ? input.tree : await context.open(input)
}
