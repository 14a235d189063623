import { spawn, type ChildProcess } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { GantryError, systemCode, throwIfAborted } from '../lib/errors.ts'
import { inMountNamespace } from '../lib/mount-namespace.ts'
import { writeBundle } from './bundle.ts'
import { deleteContainer } from './container.ts'
import type { RuntimeTools } from './detect-runtime.ts'
import type { RunOnceOptions } from './interfaces.ts'
import { missingMountPoints, removeMountPoints, type MountPoints } from './mount-points.ts'
import { runtimeArguments } from './monitor.ts'
import { PrivateFolder } from './private-folder.ts'
import { runtimeError } from './runtime-error.ts'
import type { Watchdog } from './watchdog.ts'

/**
 * Runs a container to its end without a monitor, and says its exit status (128+n for a signal). Its output arrives while it runs;
 * stdin is empty. When the signal aborts, the container is killed with all that runs in it, and the promise rejects (`canceled`).
 * The mount points that the runtime makes do not stay in the root file system. Errors as `createContainer` has them. The watchdog ends
 * the container if this process dies.
 */
export const runOnce = async (tools: RuntimeTools, options: RunOnceOptions, watchdog?: Watchdog): Promise<number> => {
  const { spec, root, bundle, signal, readRootFile } = options
  throwIfAborted(signal)
  const secret = await PrivateFolder.open(options)
  const [runtimeSpec] = await Promise.all([
    writeBundle(bundle, {
      spec: { ...spec, terminal: false, mounts: [...(spec.mounts ?? []), ...secret.containerMounts] },
      root: root.path,
      tools,
      readRootFile,
    }),
    mkdir(tools.stateFolder, { recursive: true, mode: 0o700 }),
  ])
  throwIfAborted(signal)
  const place = { id: spec.id, folder: bundle }
  const log = join(bundle, 'runtime.log')
  let points: MountPoints = { missing: [], parents: [] }
  const child = inMountNamespace(
    [...root.mounts, ...secret.mounts],
    tools.runtime.kind === 'crun' ? tools.host.detach : [],
    () => {
      points = missingMountPoints(
        root.path,
        runtimeSpec.mounts.map((mount) => mount.destination),
      )
      const from = secret.write(runtimeSpec) ?? bundle
      return spawn(tools.runtime.path, [...runtimeArguments(tools), '--log', log, 'run', '--bundle', from, spec.id], {
        env: { PATH: tools.path },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
      })
    },
  )
  if (child.pid !== undefined) watchdog?.watch(spec.id, child.pid)
  const ended = finished(child, options)
  let killed: Promise<void> | undefined
  const kill = (): void => {
    killed = killUntil(ended, () => deleteContainer(tools, place, { force: true }))
  }
  signal?.addEventListener('abort', kill, { once: true })
  try {
    const status = await ended
    throwIfAborted(signal)
    const error = status === 0 ? undefined : await loggedErrors(log)
    if (error !== undefined) throw runtimeError(`run ${JSON.stringify(spec.args)}`, error, spec.args[0] ?? '')
    return status
  } finally {
    signal?.removeEventListener('abort', kill)
    await killed
    watchdog?.release(spec.id)
    removeMountPoints(root, points)
  }
}

/** Again and again, since the runtime may not have made the container yet when it is asked to kill it. */
const killUntil = async (ended: Promise<unknown>, kill: () => Promise<void>): Promise<void> => {
  const end = ended.then(
    () => true,
    () => true,
  )
  do await kill().catch(() => undefined)
  while (!(await Promise.race([end, sleep(20, false)])))
}

const finished = (child: ChildProcess, { onOutput }: Pick<RunOnceOptions, 'onOutput'>): Promise<number> =>
  new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => onOutput('stdout', chunk))
    child.stderr?.on('data', (chunk: Buffer) => onOutput('stderr', chunk))
    child.once('error', (cause) =>
      reject(new GantryError('internal', 'RUNTIME_FAILED', `Cannot run the OCI runtime: ${cause.message}`, { cause })),
    )
    child.once('close', (code, name) => resolve(code ?? 128 + (name === null ? 0 : constants.signals[name])))
  })

/** The errors that the runtime itself logged: what it writes to its stderr is mixed with the container's. */
const loggedErrors = async (path: string): Promise<string | undefined> => {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  })
  // runc's lines have levels; crun logs errors only
  const errors = text
    .split('\n')
    .filter((line) => line !== '' && (!line.startsWith('time=') || / level=(?:error|fatal) /.test(line)))
  return errors.length === 0 ? undefined : errors.join('\n')
}
