import type { CliContext } from './command.ts'
import type { Direction, ProgressRenderer } from './render/progress/progress.ts'

/** How the progress of a command is shown, on stderr: as the flag says, else bars on a terminal and lines elsewhere. */
export const openProgress = async (context: CliContext, mode: string | undefined, direction: Direction): Promise<ProgressRenderer> => {
  const { createProgress, isInteractive, parseProgressMode, progressTarget } = await import('./render/progress/create-progress.ts')
  return createProgress(
    parseProgressMode(mode ?? 'auto'),
    direction,
    progressTarget(context.stderr, context.environment),
    isInteractive(context.stderr, context.environment),
  )
}
