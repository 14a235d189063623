import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { isGantryError, systemCode } from '../lib/errors.ts'
import { inMountNamespace, unmountIn } from '../lib/mount-namespace.ts'
import { native } from '../lib/native.ts'
import type { RuntimeTools } from './detect-runtime.ts'
import type { RootFileSystem } from './interfaces.ts'

/** Files in a container's folder that conmon, or gantry for it, makes. */
export const monitorFiles = (
  folder: string,
): { readonly life: string; readonly exit: string; readonly pid: string; readonly attach: string; readonly control: string } => ({
  life: join(folder, 'life'),
  exit: join(folder, 'exit'),
  pid: join(folder, 'pid'),
  attach: join(folder, 'attach'),
  control: join(folder, 'ctl'),
})

export interface MonitorOptions {
  readonly id: string
  /** Holds config.json. */
  readonly folder: string
  readonly root: RootFileSystem
  readonly terminal: boolean
  readonly interactive: boolean
  /** Keep the container's stdin when the one who is attached goes away. */
  readonly keepStdin: boolean
  readonly logFile: string
  readonly exitCommand: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/** What conmon says of itself: the container's process, or why there is none. */
export interface MonitorReport {
  readonly monitorPid: number
  /** -1 if the container could not be made. */
  readonly pid: number
  readonly message: string
}

/**
 * Starts conmon, which creates the container, in a mount namespace that holds the container's mounts. It outlives gantry, and
 * holds the named pipe `life` open for as long as it lives: whoever reads it sees its end when conmon is gone, however it went.
 */
export const startMonitor = async (tools: RuntimeTools, conmon: string, options: MonitorOptions): Promise<MonitorReport> => {
  const files = monitorFiles(options.folder)
  for (const path of [files.exit, files.life, files.pid]) rmSync(path, { force: true })
  native().mkfifo(files.life, 0o600)
  // conmon has both ends, so that it can write whether anybody reads or not
  const life = openSync(files.life, constants.O_RDWR)
  const reader = lifeReader(openSync(files.life, constants.O_RDONLY | constants.O_NONBLOCK))
  let child
  try {
    child = spawnMonitor(tools, conmon, options, life)
  } catch (error) {
    reader.destroy()
    throw error
  } finally {
    closeSync(life)
  }
  const errors = text(child.stderr)
  const line = await firstLine(reader)
  const report = line === undefined ? { pid: -1, message: await errors } : parseReport(line)
  const monitorPid = child.pid ?? -1
  if (report.pid === -1) {
    // it is about to end: whoever called may then remove its folder
    await closed(reader)
  } else {
    reader.destroy()
    giveUpMounts(monitorPid, options.root)
  }
  return { monitorPid, ...report }
}

/**
 * The container has its own copy of the mounts by now. conmon's would only make its exit command fail: what is mounted on cannot
 * be removed.
 */
const giveUpMounts = (monitorPid: number, root: RootFileSystem): void => {
  try {
    unmountIn(monitorPid, root.mounts.map((mount) => mount.target).toReversed())
  } catch (error) {
    // a container that has been killed already has taken its conmon along
    if (!isGantryError(error) && systemCode(error) !== 'ENOENT') throw error
  }
}

const spawnMonitor = (
  tools: RuntimeTools,
  conmon: string,
  options: MonitorOptions,
  life: number,
): ChildProcessByStdio<null, null, Readable> => {
  const detach = tools.runtime.kind === 'crun' ? tools.host.detach : []
  const child = inMountNamespace(options.root.mounts, detach, () =>
    spawn(conmon, monitorArguments(tools, options), {
      // the log by a relative name: in conmon's syntax a colon has a meaning
      cwd: dirname(options.logFile),
      env: { ...options.environment, PATH: tools.path, TZ: 'UTC', TMPDIR: '/tmp', _OCI_SYNCPIPE: '3' },
      stdio: ['ignore', 'ignore', 'pipe', life],
      detached: true,
    }),
  )
  // a conmon that cannot be run says so by the end of its pipe
  child.once('error', () => undefined)
  child.unref()
  return child as ChildProcessByStdio<null, null, Readable>
}

const monitorArguments = (tools: RuntimeTools, options: MonitorOptions): readonly string[] => {
  const files = monitorFiles(options.folder)
  const flags: readonly (readonly string[])[] = [
    ['--api-version', '1', '--sync', '--full-attach', '--no-sync-log', '--log-level', 'error'],
    ['--cid', options.id, '--cuuid', options.id, '--name', options.id],
    ['--bundle', options.folder, '--persist-dir', options.folder, '--container-pidfile', files.pid],
    ['--log-path', `k8s-file:${basename(options.logFile)}`],
    ['--runtime', tools.runtime.path],
    runtimeArguments(tools).flatMap((one) => ['--runtime-arg', one]),
    options.terminal ? ['--terminal'] : options.interactive ? ['--stdin'] : [],
    options.keepStdin ? ['--leave-stdin-open'] : [],
    options.exitCommand.flatMap((one, index) => [index === 0 ? '--exit-command' : '--exit-command-arg', one]),
  ]
  return flags.flat()
}

/** What comes before the OCI runtime's command. */
export const runtimeArguments = (tools: RuntimeTools): readonly string[] => [
  '--root',
  tools.stateFolder,
  ...(tools.runtime.kind === 'crun' && !tools.host.cgroupsWritable ? ['--cgroup-manager=disabled'] : []),
]

/** Reads the pipe `life`, opened without blocking; closes it when it is destroyed. */
export const lifeReader = (fd: number): Socket => new Socket({ fd, readable: true, writable: false })

const maxReport = 64 * 1024

const firstLine = (reader: Socket): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    let read = ''
    reader.setEncoding('utf8')
    reader.on('data', (chunk: string) => {
      read += chunk
      const end = read.indexOf('\n')
      if (end !== -1) resolve(read.slice(0, end))
      else if (read.length > maxReport) resolve(undefined)
    })
    reader.once('end', () => resolve(undefined))
    reader.once('error', reject)
  })

/** `{"data": PID, "message": "…"}`; the message of old versions is not always valid JSON. */
const parseReport = (line: string): { readonly pid: number; readonly message: string } => {
  const pid = Number(/"data":\s*(-?\d+)/.exec(line)?.[1] ?? -1)
  const message = /"message":\s*("(?:[^"\\]|\\.)*")/.exec(line)?.[1] ?? '""'
  try {
    return { pid, message: String(JSON.parse(message)).trim() }
  } catch {
    return { pid, message: message.slice(1, -1).trim() }
  }
}

/** Waits until nobody holds the pipe's other end. */
export const closed = (reader: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (reader.closed) resolve()
    reader.once('close', resolve)
    reader.once('error', () => undefined)
    reader.resume()
  })

const text = (stream: NodeJS.ReadableStream): Promise<string> =>
  new Promise((resolve) => {
    let read = ''
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => void (read.length < maxReport && (read += chunk)))
    for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve(read.trim()))
  })
