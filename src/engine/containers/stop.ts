import { killContainer } from '../../runtime/container.ts'
import { isGantryError } from '../../lib/errors.ts'
import type { Engine } from '../engine.ts'
import { finishContainer, waitForEnd } from './finish.ts'
import { placeOf } from './place.ts'
import { findContainer } from './records.ts'
import { currentState } from './state.ts'

export interface StopOptions {
  /** Before SIGKILL; negative: never. */
  readonly seconds: number
  /** Instead of the container's own stop signal. */
  readonly signal?: string
}

/** Stops a container: its stop signal, then SIGKILL. One that does not run is no error. */
export const stopContainer = async (engine: Engine, text: string, options: StopOptions): Promise<void> => {
  const record = await findContainer(engine, text)
  if ((await currentState(engine, record)).status === 'running') {
    const tools = await engine.runtime()
    const place = placeOf(engine, record.id)
    const kill = async (signal: string): Promise<void> => {
      try {
        await killContainer(tools, place, signal)
      } catch (error) {
        if (!isGantryError(error, 'conflict')) throw error // it has ended meanwhile
      }
    }
    await kill(options.signal ?? record.spec.stopSignal ?? 'SIGTERM')
    const killer = options.seconds < 0 ? undefined : setTimeout(() => void kill('SIGKILL'), options.seconds * 1000)
    const status = await waitForEnd(engine, record)
    clearTimeout(killer)
    await finishContainer(engine, record.id, status)
  }
}
