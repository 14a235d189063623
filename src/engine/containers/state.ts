import { readExit } from '../../runtime/container.ts'
import type { Engine } from '../engine.ts'
import { placeOf } from './place.ts'
import type { ContainerRecord, ContainerState } from './records.ts'

/** What a container does now: its record says what was last written, the monitor's exit file what has happened since. */
export const currentState = async (engine: Engine, record: ContainerRecord): Promise<ContainerState> => {
  const { state } = record
  if (state.status !== 'running') return state
  const ended = await readExit(placeOf(engine, record.id).folder)
  if (ended !== undefined)
    return {
      status: 'exited',
      started: state.started,
      finished: new Date(ended.finished).toISOString(),
      exitCode: ended.exitStatus,
    }
  if (isAlive(state.pid)) return state
  // the monitor was killed, or the machine was started anew
  return {
    status: 'exited',
    started: state.started,
    finished: state.started,
    exitCode: 137,
    error: 'the process that watched the container is gone',
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
