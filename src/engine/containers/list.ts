import type { Engine } from '../engine.ts'
import { listContainers, type ContainerRecord } from './records.ts'
import { removeContainer } from './remove.ts'
import { currentState } from './state.ts'

/** Time after which what a killed `run --rm` left is taken away, in milliseconds. */
const grace = 10_000

/** All containers with what they do now, newest first. What a killed `run --rm` has left behind is removed on the way. */
export const listStates = async (engine: Engine): Promise<readonly ContainerRecord[]> => {
  const records = await listContainers(engine)
  const now = engine.options.now().getTime()
  const shown = await Promise.all(
    records.map(async (record) => {
      const state = await currentState(engine, record)
      const left = record.autoRemove && state.status === 'exited' && now - Date.parse(state.finished) > grace
      if (!left) return { ...record, state }
      await removeContainer(engine, record.id)
      return undefined
    }),
  )
  return shown.filter((record) => record !== undefined)
}
