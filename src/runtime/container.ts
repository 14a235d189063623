import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { parseJson } from '../lib/bytes.ts'
import { GantryError, systemCode } from '../lib/errors.ts'
import { runProcess, type ProcessResult } from '../lib/process.ts'
import { writeBundle } from './bundle.ts'
import type { RuntimeTools } from './detect-runtime.ts'
import type { ContainerSpec, RootFileSystem } from './interfaces.ts'
import { monitorFiles, runtimeArguments, startMonitor } from './monitor.ts'
import { runtimeError } from './runtime-error.ts'
import { keepCompiledFilter } from './seccomp-cache.ts'
import { signalNumber } from './signals.ts'
import type { ReadRootFile } from './user.ts'

/** A container and the folder that its bundle and conmon's files are in. */
export interface ContainerPlace {
  readonly id: string
  /** Absolute. */
  readonly folder: string
}

export interface CreateContainerOptions {
  readonly spec: ContainerSpec
  readonly root: RootFileSystem
  /** Absolute; made where it is missing, used again where it is not. The caller removes it. */
  readonly folder: string
  /** Reads the container's own /etc/passwd and /etc/group, before anything is mounted. */
  readonly readRootFile: ReadRootFile
  /** Where the output is kept, in conmon's k8s-file format; its folder exists, its name has no colon. Default `log` in `folder`. */
  readonly logFile?: string
  /** stdin stays open when the one who is attached goes away (`run -d -i`). */
  readonly keepStdin?: boolean
  /** An absolute program and its arguments that conmon runs when the container has ended. */
  readonly exitCommand?: readonly string[]
  /** Variables for the exit command besides PATH. */
  readonly exitEnvironment?: Readonly<Record<string, string>>
}

/** Process ids of a container's first process and of its conmon, on the host. */
export interface CreatedContainer {
  readonly pid: number
  readonly monitorPid: number
}

/**
 * Creates a container under a conmon of its own; nothing of it runs before `startContainer`. It outlives this process. An error
 * leaves nothing running: `EXEC_NOT_FOUND` and `EXEC_NOT_EXECUTABLE` say that its program is the reason.
 */
export const createContainer = async (tools: RuntimeTools, options: CreateContainerOptions): Promise<CreatedContainer> => {
  const { spec, root, folder, readRootFile } = options
  const { conmon } = tools
  if (conmon === undefined)
    throw new GantryError('failed_precondition', 'NO_MONITOR', `Cannot create container "${spec.id}": conmon is not installed`, {
      hint: 'install conmon (Debian, Ubuntu: apt-get install conmon; Fedora: dnf install conmon)',
    })
  const { annotations, linux } = await writeBundle(folder, { spec, root: root.path, tools, readRootFile })
  mkdirSync(tools.stateFolder, { recursive: true, mode: 0o700 })
  const { pid, monitorPid, message } = await startMonitor(tools, conmon, {
    id: spec.id,
    folder,
    root,
    terminal: spec.terminal,
    interactive: spec.interactive,
    keepStdin: options.keepStdin === true,
    logFile: options.logFile ?? join(folder, 'log'),
    exitCommand: options.exitCommand ?? [],
    environment: options.exitEnvironment ?? {},
  })
  if (pid <= 0) throw runtimeError(`create container "${spec.id}"`, message, spec.args[0] ?? '')
  if (annotations === undefined && linux.seccomp !== undefined) keepCompiledFilter(tools, spec.id, linux.seccomp)
  return { pid, monitorPid }
}

const call = (tools: RuntimeTools, ...words: readonly string[]): Promise<ProcessResult> =>
  runProcess(tools.runtime.path, [...runtimeArguments(tools), ...words], { env: { PATH: tools.path } })

const failure = (action: string, result: ProcessResult): GantryError => runtimeError(action, result.stderr.toString('utf8'), '')

/** Lets a created container run. */
export const startContainer = async (tools: RuntimeTools, place: ContainerPlace): Promise<void> => {
  const result = await call(tools, 'start', place.id)
  if (result.status !== 0) throw failure(`start container "${place.id}"`, result)
}

export type ContainerState =
  | { readonly status: 'created' | 'running' | 'paused'; readonly pid: number }
  /** `finished` is when, as milliseconds since 1970; a container that lost its conmon has neither. */
  | { readonly status: 'exited'; readonly exitStatus?: number; readonly finished?: number }

/** What a container does; undefined for one that was never created, or not since the machine started. */
export const containerState = async (tools: RuntimeTools, place: ContainerPlace): Promise<ContainerState | undefined> => {
  const ended = await readExit(place.folder)
  if (ended !== undefined) return { status: 'exited', ...ended }
  const state = await runtimeState(tools, place.id)
  if (state === undefined) return undefined
  const { status, pid } = state
  if (status === 'created' || status === 'running' || status === 'paused') return { status, pid: Number(pid) }
  // it may have ended, and conmon written why, since the first look
  return { status: 'exited', ...(await readExit(place.folder)) }
}

/** What the runtime says of a container; undefined for one that it does not know. */
const runtimeState = async (
  tools: RuntimeTools,
  id: string,
): Promise<{ readonly status?: unknown; readonly pid?: unknown } | undefined> => {
  const result = await call(tools, 'state', id)
  return result.status === 0 ? (parseJson(result.stdout, `the state of container "${id}"`) as object) : undefined
}

/** The status that conmon wrote when the container ended: 128+n for a signal. */
export const readExit = async (
  folder: string,
): Promise<{ readonly exitStatus: number; readonly finished: number } | undefined> => {
  const path = monitorFiles(folder).exit
  try {
    return { exitStatus: Number.parseInt(readFileSync(path, 'utf8'), 10), finished: statSync(path).mtimeMs }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Sends a signal, by name or number, to a container's first process. `conflict` if it does not run. */
export const killContainer = async (tools: RuntimeTools, place: ContainerPlace, signal: string): Promise<void> => {
  const result = await call(tools, 'kill', place.id, String(signalNumber(signal)))
  if (result.status === 0) return
  const state = await containerState(tools, place)
  if (state !== undefined && state.status !== 'exited') throw failure(`kill container "${place.id}"`, result)
  throw new GantryError('conflict', 'NOT_RUNNING', `Cannot kill container: ${place.id}: container ${place.id} is not running`)
}

/**
 * Takes away what the runtime keeps of a container, its control groups among it; with `force` one that runs is killed. `conflict`
 * if it runs. One that is not there is no error.
 */
export const deleteContainer = async (
  tools: RuntimeTools,
  place: ContainerPlace,
  options: { readonly force?: boolean } = {},
): Promise<void> => {
  const result = await call(tools, 'delete', ...(options.force === true ? ['--force'] : []), place.id)
  if (tools.runtime.kind === 'crun' && ['v1', 'hybrid'].includes(tools.host.cgroups))
    removeFalseGroups('/sys/fs/cgroup', place.id)
  if (result.status === 0) return
  // crun and runc word it in many ways: what counts is that it is gone
  const state = await runtimeState(tools, place.id)
  if (state === undefined) return
  if (options.force === true || state.status === 'stopped') throw failure(`delete container "${place.id}"`, result)
  throw new GantryError(
    'conflict',
    'RUNNING',
    `Cannot delete container "${place.id}": container is running: stop the container before removing or force remove`,
  )
}

/**
 * Takes away what crun made for a container in a controller's folder where that controller is not mounted (any more): there the
 * group is a plain folder with a plain file in it, which crun cannot remove. Real groups are gone by now, and refuse this.
 */
export const removeFalseGroups = (root: string, id: string): void => {
  for (const controller of readdirSync(root))
    try {
      const group = join(root, controller, `gantry-${id}`)
      unlinkSync(join(group, 'cgroup.procs'))
      rmdirSync(group)
    } catch {
      // none here
    }
}
