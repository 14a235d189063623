import type { CopyEvent } from '../content/interfaces.ts'
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
  const onExit = (): void => void renderer.close()
  process.once('exit', onExit)
  const close = async (): Promise<void> => {
    process.off('exit', onExit)
    await renderer.close()
  }
  return {
    copy: (event) => renderer.copy(event),
    build: (event) => renderer.build(event),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Progress of several works one after the other: `between` says something when one has ended, on a terminal that is free meanwhile. */
export interface SuccessiveProgress extends AsyncDisposable {
  copy(event: CopyEvent): void
  between(say: () => void): Promise<void>
}

/** As openProgress(), for several works. */
export const openSuccessiveProgress = async (
  context: CliContext,
  mode: string | undefined,
  direction: Direction,
): Promise<SuccessiveProgress> => {
  let current = await openProgress(context, mode, direction)
  return {
    copy: (event) => current.copy(event),
    between: async (say) => {
      await current.close()
      say()
      current = await openProgress(context, mode, direction)
    },
    [Symbol.asyncDispose]: async () => await current.close(),
  }
}
