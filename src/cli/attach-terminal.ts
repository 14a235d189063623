import { finishContainer, waitForEnd } from '../engine/containers/finish.ts'
import type { ContainerRecord } from '../engine/containers/records.ts'
import { signalContainer } from '../engine/containers/signal.ts'
import { startContainer, type TerminalSize } from '../engine/containers/start.ts'
import { resizeContainer } from '../engine/containers/resize.ts'
import { native } from '../lib/native.ts'
import type { CliContext } from './command.ts'

/** Signals that docker passes on to the process of an attached container. */
const passedOn = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT'] as const

/** Starts a container with this terminal or these pipes as its own, and answers its exit status; 0 if the user lets go of it. */
export const attachTerminal = async (
  context: CliContext,
  container: ContainerRecord,
  options: { readonly signals: boolean },
): Promise<number> => {
  const { terminal, interactive } = container.spec
  const raw = terminal && interactive && context.stdin.isTTY
  const shown = terminal && context.stdout.isTTY
  const size = (): TerminalSize => ({ rows: context.stdout.rows ?? 24, columns: context.stdout.columns ?? 80 })
  const resize = (): void => resizeContainer(context.engine, container.id, size())
  const handlers = passedOn.map((signal) => [signal, () => void signalContainer(context.engine, container, signal)] as const)
  context.releaseSignals()
  try {
    if (raw) {
      context.stdin.setRawMode(true)
      native().passOutput(0)
    }
    // each is made when it is needed: a process without output is not kept waiting for its streams
    const streams = {
      ...(interactive ? { stdin: context.stdin } : {}),
      get stdout() {
        return context.stdout
      },
      get stderr() {
        return terminal ? context.stdout : context.stderr
      },
    }
    const { attached } = await startContainer(context.engine, container, streams, shown ? size() : undefined)
    if (options.signals) for (const [signal, handler] of handlers) process.on(signal, handler)
    if (shown) context.stdout.on('resize', resize)
    if ((await attached) === 'detached') {
      context.warn('read escape sequence')
      return 0
    }
    const status = await waitForEnd(context.engine, container)
    await finishContainer(context.engine, container.id, status)
    return status
  } finally {
    if (raw) context.stdin.setRawMode(false)
    if (shown) context.stdout.off('resize', resize)
    for (const [signal, handler] of handlers) process.off(signal, handler)
    if (interactive) context.stdin.unref?.()
  }
}
