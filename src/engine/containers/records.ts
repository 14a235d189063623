import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GantryError, systemCode } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import { withLock } from '../../lib/lock.ts'
import type { Digest, DiffId } from '../../oci/digest.ts'
import type { ContainerSpec } from '../../runtime/interfaces.ts'
import type { Engine } from '../engine.ts'

/** A container as it is kept in `<root>/containers/<id>/container.json`. What changes while it runs is in `state`. */
export interface ContainerRecord {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  /** RFC 3339. */
  readonly created: string
  /** As the user typed it, with the image ID and the manifest it was made from. */
  readonly image: { readonly reference: string; readonly id: Digest; readonly manifest: Digest }
  /** Base first. */
  readonly layers: readonly DiffId[]
  readonly spec: ContainerSpec
  /** Removed as soon as it ends. */
  readonly autoRemove: boolean
  readonly state: ContainerState
}

export type ContainerState =
  | { readonly status: 'created'; readonly error?: string }
  | { readonly status: 'running'; readonly pid: number; readonly monitorPid: number; readonly started: string }
  | {
      readonly status: 'exited'
      readonly started: string
      readonly finished: string
      readonly exitCode: number
      readonly error?: string
    }

/** The folders and files of one container. */
export interface ContainerFolders {
  readonly folder: string
  /** The container layer: what the container writes. */
  readonly upper: string
  readonly work: string
  /** Mount points of the image; nothing is mounted there on the host. */
  readonly scratch: string
  readonly root: string
  readonly log: string
  /** conmon's and the runtime's own files. */
  readonly bundle: string
}

export const containerFolders = (engine: Engine, id: string): ContainerFolders => {
  const folder = engine.path('containers', id)
  return {
    folder,
    upper: join(folder, 'upper'),
    work: join(folder, 'work'),
    scratch: join(folder, 'image'),
    root: join(folder, 'root'),
    log: join(folder, 'log'),
    bundle: join(folder, 'bundle'),
  }
}

const recordFile = (engine: Engine, id: string): string => engine.path('containers', id, 'container.json')

/** Writes a new record under a name that no other container has; `conflict` if it is taken. */
export const addContainer = async (engine: Engine, record: ContainerRecord): Promise<void> => {
  await withLock(engine.path('containers', '.lock'), 'exclusive', async () => {
    const taken = (await listContainers(engine)).find((other) => other.name === record.name)
    if (taken !== undefined)
      throw new GantryError(
        'conflict',
        'NAME_TAKEN',
        `Cannot create container: Conflict. The container name "/${record.name}" is already in use by container "${taken.id}"`,
        {
          hint: `remove it (gantry rm ${record.name}) or choose another name`,
        },
      )
    await writeRecord(engine, record)
  })
}

export const writeRecord = async (engine: Engine, record: ContainerRecord): Promise<void> => {
  mkdirSync(engine.path('containers', record.id), { recursive: true })
  // what is removed when it ends, and a state that a reboot ends anyway, need no fsync
  const durable = !record.autoRemove && record.state.status !== 'running'
  await writeFileAtomic(recordFile(engine, record.id), JSON.stringify(record), 0o600, durable)
}

/** The record of a container by its full ID; undefined for one that is not there. */
export const readRecord = (engine: Engine, id: string): ContainerRecord | undefined => {
  try {
    return JSON.parse(readFileSync(recordFile(engine, id), 'utf8')) as ContainerRecord
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    if (error instanceof SyntaxError)
      throw new GantryError('data_loss', 'CONTAINER_RECORD', `Cannot read container ${id}: its record is damaged`, {
        cause: error,
        hint: `gantry rm --force ${id}`,
      })
    throw error
  }
}

/** All records as they were last written, newest first. */
export const listContainers = async (engine: Engine): Promise<readonly ContainerRecord[]> => {
  let names: string[]
  try {
    names = readdirSync(engine.path('containers'))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
  const records = names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((id) => readRecord(engine, id))
  return records.filter((record) => record !== undefined).toSorted((a, b) => (a.created < b.created ? 1 : -1))
}

/** Finds a container by full ID, name or a prefix of its ID. */
export const findContainer = async (engine: Engine, text: string): Promise<ContainerRecord> => {
  const records = await listContainers(engine)
  const name = text.startsWith('/') ? text.slice(1) : text
  const exact = records.find((record) => record.id === text || record.name === name)
  if (exact !== undefined) return exact
  const matches = /^[0-9a-f]+$/.test(text) ? records.filter((record) => record.id.startsWith(text)) : []
  const [match] = matches
  if (match === undefined)
    throw new GantryError('not_found', 'NO_SUCH_CONTAINER', `No such container: ${text}`, {
      hint: "run 'gantry ps -a' for the containers there are",
    })
  if (matches.length > 1)
    throw new GantryError(
      'invalid_argument',
      'AMBIGUOUS',
      `Cannot choose a container: multiple IDs found with prefix "${text}"`,
      { hint: 'give more digits of the ID' },
    )
  return match
}

/** Takes the container's folder away, whole: it is renamed out of sight first, so that a crash leaves no half of it. */
export const dropContainer = async (engine: Engine, id: string): Promise<void> => {
  const folder = engine.path('containers', id)
  const trash = engine.path('containers', `.${id}.removed`)
  try {
    renameSync(folder, trash)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
  }
  rmSync(trash, { recursive: true, force: true })
}
