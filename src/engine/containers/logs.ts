import { readLogs, type LogLine, type LogOptions } from '../../runtime/logs.ts'
import type { Engine } from '../engine.ts'
import { containerFolders, findContainer } from './records.ts'
import { currentState } from './state.ts'

/** The output of a container, line by line, from its log; with `follow` until it ends. */
export const containerLogs = async (engine: Engine, text: string, options: LogOptions): Promise<AsyncIterable<LogLine>> => {
  const record = await findContainer(engine, text)
  const running = (await currentState(engine, record)).status === 'running'
  return readLogs(containerFolders(engine, record.id).log, { ...options, follow: options.follow === true && running })
}
