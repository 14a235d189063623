import { GantryError } from '../../lib/errors.ts'
import type { Tree } from '../tree/tree.ts'
import type { ExecuteContext, FilesResult, Result } from './executor.ts'

/** The file system that a step works on: its first input. */
export const filesInput = (inputs: readonly Result[]): FilesResult => {
  const [first] = inputs
  if (first?.kind === 'files') return first
  throw new GantryError('internal', 'INPUT_KIND', 'Cannot run the step: its first input is no file system')
}

/** The files of any input, to be read. */
export const treeInput = async (inputs: readonly Result[], index: number, context: ExecuteContext): Promise<Tree> => {
  const input = inputs[index]
  if (input === undefined) throw new GantryError('internal', 'INPUT_MISSING', `Cannot run the step: it has no input ${index}`)
  return input.kind === 'context' ? input.tree : await context.open(input)
}
