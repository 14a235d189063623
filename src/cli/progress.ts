import type { CliContext } from './command.ts'
import type { Direction, ProgressRenderer } from './render/progress/progress.ts'

/**
 * How the progress of a command is shown, on stderr: as the flag says, else bars on a terminal and lines elsewhere. The terminal is
 * given back however the process ends.
 */
export const openProgress = async (
  context: CliContext,
  mode: string | undefined,
  direction: Direction,
): Promise<ProgressRenderer> => {
  const { createProgress, isInteractive, parseProgressMode, progressTarget } =
    await import('./render/progress/create-progress.ts')
  const renderer = createProgress(
    parseProgressMode(mode ?? 'auto'),
    direction,
    progressTarget(context.stderr, context.environment),
    isInteractive(context.stderr, context.environment),
  )
  process.once('exit', () => void renderer.close())
  return renderer
}
