import { historyFolderIn } from '../../build/cache.ts'
import { readBuildRecord, type BuildRecord } from '../../build/explain/build-history.ts'
import { buildIdentity, type IdentityOptions } from '../../build/explain/build-identity.ts'
import { formatLabel, type StepNote } from '../../build/explain/step-note.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Engine } from '../engine.ts'

/** What is known of the last build of something. */
export interface BuildExplanation extends Pick<BuildRecord, 'at' | 'complete'> {
  readonly steps: readonly (Pick<StepNote, 'outcome' | 'reasons'> & { readonly label: string })[]
}

/** Says which steps the last build of a folder did, and why. `not_found` where there was none. */
export const explainBuild = async (
  engine: Engine,
  options: IdentityOptions & { readonly context: string },
): Promise<BuildExplanation> => {
  const identity = buildIdentity(options, engine.options.platform)
  const record = await readBuildRecord(historyFolderIn(engine.path('build-cache')), identity)
  if (record !== undefined)
    return {
      at: record.at,
      complete: record.complete,
      steps: record.steps.map((note) => ({ label: formatLabel(note), outcome: note.outcome, reasons: note.reasons })),
    }
  throw new GantryError('not_found', 'NO_BUILD', `Cannot explain the build of "${options.context}": it was not built here yet`, {
    hint: 'the folder, --file, --target and --platform must be those of the build',
  })
}
