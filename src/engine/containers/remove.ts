import { deleteContainer } from '../../runtime/container.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Engine } from '../engine.ts'
import { monitorEnd } from '../../runtime/wait.ts'
import { placeOf } from './place.ts'
import { dropContainer, findContainer, type ContainerRecord } from './records.ts'
import { currentState } from './state.ts'

/** Removes a container with its layer, log and record; with `force` it is killed first, and one that is not there is no error. */
export const removeContainer = async (
  engine: Engine,
  text: string,
  options: { readonly force?: boolean } = {},
): Promise<void> => {
  let record: ContainerRecord
  try {
    record = await findContainer(engine, text)
  } catch (error) {
    if (options.force === true && isGantryError(error, 'not_found')) return
    throw error
  }
  const state = await currentState(engine, record)
  const place = placeOf(engine, record.id)
  if (state.status === 'running') {
    if (options.force !== true)
      throw new GantryError(
        'conflict',
        'CONTAINER_RUNNING',
        `Cannot remove container "${record.name}": container is running: stop the container before removing or force remove`,
        { hint: `gantry rm -f ${record.name}` },
      )
    await deleteContainer(await engine.runtime(), place, { force: true })
    await monitorEnd(place.folder)
  } else if (record.state.status === 'running') await deleteContainer(await engine.runtime(), place, { force: true })
  await dropContainer(engine, record.id)
}
