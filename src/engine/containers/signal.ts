import { isGantryError } from '../../lib/errors.ts'
import { killContainer } from '../../runtime/container.ts'
import type { Engine } from '../engine.ts'
import { placeOf } from './place.ts'
import type { ContainerRecord } from './records.ts'

/** Passes a signal on to a container's process; one that has ended meanwhile is no error. */
export const signalContainer = async (engine: Engine, container: ContainerRecord, signal: string): Promise<void> => {
  try {
    await killContainer(await engine.runtime(), placeOf(engine, container.id), signal)
  } catch (error) {
    if (!isGantryError(error, 'conflict')) throw error
  }
}
