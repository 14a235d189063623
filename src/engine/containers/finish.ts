import { deleteContainer, readExit } from '../../runtime/container.ts'
import { waitContainer } from '../../runtime/wait.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Engine } from '../engine.ts'
import { placeOf } from './place.ts'
import { dropContainer, readRecord, writeRecord, type ContainerRecord } from './records.ts'

/** Waits for the end of a running container; answers its exit status. */
export const waitForEnd = async (engine: Engine, record: ContainerRecord, options: Abortable = {}): Promise<number> =>
  await waitContainer(await engine.runtime(), placeOf(engine, record.id), options)

/** What is left to do when a container has ended: the runtime forgets it, and it is removed or its record says how it ended. */
export const finishContainer = async (engine: Engine, id: string, exitCode: number): Promise<void> => {
  const tools = await engine.runtime()
  const place = placeOf(engine, id)
  await deleteContainer(tools, place, { force: true })
  const record = readRecord(engine, id)
  if (record === undefined) return
  if (record.autoRemove) {
    await dropContainer(engine, id)
    return
  }
  if (record.state.status !== 'running') return
  const ended = await readExit(place.folder)
  const finished = ended === undefined ? engine.options.now() : new Date(ended.finished)
  await writeRecord(engine, {
    ...record,
    state: { status: 'exited', started: record.state.started, finished: finished.toISOString(), exitCode },
  })
}
