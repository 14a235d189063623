import { monitorEnd } from '../../runtime/wait.ts'
import { readLogs, type LogEntry, type ReadLogsOptions } from '../../runtime/logs.ts'
import type { Engine } from '../engine.ts'
import { placeOf } from './place.ts'
import { containerFolders, findContainer } from './records.ts'

/** The output of a container from its log, line by line; with `follow` until it ends. */
export const containerLogs = async (
  engine: Engine,
  text: string,
  options: Omit<ReadLogsOptions, 'follow'> & { readonly follow?: boolean },
): Promise<AsyncIterable<LogEntry>> => {
  const { follow, ...rest } = options
  const record = await findContainer(engine, text)
  const end = follow === true ? { follow: monitorEnd(placeOf(engine, record.id).folder, options.signal) } : {}
  return readLogs(containerFolders(engine, record.id).log, { ...rest, ...end })
}
