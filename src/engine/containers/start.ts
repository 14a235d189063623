import { openStack } from '../../layers/stack.ts'
import { GantryError } from '../../lib/errors.ts'
import { attachContainer, resizeTerminal, type AttachResult } from '../../runtime/attach.ts'
import { createContainer, deleteContainer, startContainer as startProcess } from '../../runtime/container.ts'
import type { ContainerStreams, RootFileSystem } from '../../runtime/interfaces.ts'
import type { ReadRootFile } from '../../runtime/user.ts'
import type { Engine } from '../engine.ts'
import { placeOf } from './place.ts'
import { containerFolders, dropContainer, writeRecord, type ContainerRecord } from './records.ts'

export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

export interface StartedContainer {
  /** Settles when the output has ended or the user has let go; absent for a container that was started without streams. */
  readonly attached?: Promise<AttachResult>
}

/** Starts a created container: the image's mounts and the container layer in a namespace of their own, a monitor, the process. */
export const startContainer = async (
  engine: Engine,
  record: ContainerRecord,
  streams?: ContainerStreams,
  size?: TerminalSize,
): Promise<StartedContainer> => {
  const tools = await engine.runtime()
  const place = placeOf(engine, record.id)
  const detached = streams === undefined
  try {
    const created = await createContainer(tools, {
      spec: record.spec,
      root: await rootOf(engine, record),
      folder: place.folder,
      readRootFile: rootFileReader(engine, record),
      logFile: containerFolders(engine, record.id).log,
      keepStdin: detached && record.spec.interactive,
      // with nobody waiting for its end the monitor has it removed
      ...(detached && record.autoRemove
        ? {
            exitCommand: [...engine.options.selfCommand, '--root', engine.options.root, 'rm', '-f', record.id],
            exitEnvironment: { GANTRY_RUN: engine.options.runFolder },
          }
        : {}),
    })
    const attached =
      streams === undefined ? undefined : attachContainer(place.folder, streams, { terminal: record.spec.terminal })
    // before the process starts: it may look at once
    if (size !== undefined) resizeTerminal(place.folder, size)
    const started = engine.options.now().toISOString()
    await writeRecord(engine, { ...record, state: { status: 'running', started, ...created } })
    await startProcess(tools, place)
    return attached === undefined ? {} : { attached: attached.result }
  } catch (error) {
    await deleteContainer(tools, place, { force: true })
    if (record.autoRemove) await dropContainer(engine, record.id)
    else
      await writeRecord(engine, {
        ...record,
        state: { status: 'created', error: error instanceof GantryError ? error.message : String(error) },
      })
    throw error
  }
}

const rootOf = async (engine: Engine, record: ContainerRecord): Promise<RootFileSystem> => {
  const folders = containerFolders(engine, record.id)
  const layers = await engine.layers()
  const mounts = await layers.mounts(record.layers, {
    target: folders.root,
    scratch: folders.scratch,
    upper: { upper: folders.upper, work: folders.work },
  })
  return { mounts, path: folders.root }
}

/** Reads a file of the image, without mounting it; the stack of layers is opened when the first is asked for. */
const rootFileReader = (engine: Engine, record: ContainerRecord): ReadRootFile => {
  return async (path) => {
    const layers = await engine.layers()
    await using stack = openStack(await Promise.all(record.layers.map(async (id) => await layers.open(id))))
    const entry = await stack.lookup(path, { followLast: true })
    if (entry === undefined || entry.kind !== 'file') return undefined
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of stack.read(entry)) {
      size += chunk.length
      if (size > 1 << 20)
        throw new GantryError('resource_exhausted', 'TOO_LARGE', `Cannot read "${path}" of the image: it has more than 1 MiB`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  }
}
