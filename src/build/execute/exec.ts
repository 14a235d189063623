import { existsSync, realpathSync } from 'node:fs'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { diffUpper } from '../../layers/diff.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { servesPlatform } from '../../oci/platform-match.ts'
import { findEmulator } from '../../runtime/emulator.ts'
import type { BindMount, ContainerMount, ContainerSpec } from '../../runtime/interfaces.ts'
import type { ExecOp, Vertex } from '../graph.ts'
import type { BuildServices } from '../interfaces.ts'
import type { RunOptions } from '../run-options.ts'
import { containerId } from '../scratch.ts'
import { execKeys } from './exec-keys.ts'
import { latestTime, type ExecuteContext, type Executor, type Result, type StepLayer } from './executor.ts'
import { filesInput } from './inputs.ts'
import { MetadataCopies } from './metadata-copies.ts'
import { rootFileReader } from './owner.ts'
import { prepareMounts } from './run-mounts.ts'
import { foreignProgram, isForeign, stepFailed, stepTimedOut } from './step-failure.ts'

/** RUN: a container over the layers so far; what it leaves in its upper folder is the new layer, be it empty. */
export const executeExec: Executor<ExecOp> = async (vertex, inputs, context) => {
  const base = filesInput(inputs)
  return {
    kind: 'step',
    base,
    ...execKeys(vertex, inputs, context),
    run: async () => await runStep(vertex, inputs, context),
  }
}

const runStep = async (vertex: Vertex<ExecOp>, inputs: readonly Result[], context: ExecuteContext): Promise<StepLayer> => {
  const { services } = context
  if (services.run === undefined)
    throw new GantryError('unsupported', 'NO_RUNTIME', 'RUN needs Linux and an OCI runtime', {
      hint: "'gantry doctor' says what this machine lacks",
    })
  const folder = await context.scratch()
  try {
    return await runIn(folder, services.run, vertex, inputs, context)
  } finally {
    // it may be large, and the build may go on for long
    await rm(folder, { recursive: true, force: true })
  }
}

const runIn = async (
  folder: string,
  run: NonNullable<BuildServices['run']>,
  vertex: Vertex<ExecOp>,
  inputs: readonly Result[],
  context: ExecuteContext,
): Promise<StepLayer> => {
  const { services, signal, onEvent } = context
  const { op } = vertex
  const base = filesInput(inputs)
  const [upper, work, root, mountScratch, bundle] = await Promise.all(
    ['upper', 'work', 'root', 'mounts', 'bundle'].map((name) => folderIn(folder, name)),
  )
  if (upper === undefined || work === undefined || root === undefined || mountScratch === undefined || bundle === undefined)
    throw new GantryError('internal', 'NO_SCRATCH', 'Cannot run the step: it has no folders')
  // the upper folder is the root of the file system; only its permissions are not those of the caller's umask
  await chmod(upper, 0o755)
  const mounts = await services.layers.mounts(
    base.layers.map((layer) => layer.diffId),
    { target: root, scratch: mountScratch, upper: { upper, work } },
  )
  await using held = new AsyncDisposableStack()
  const given = await prepareMounts(vertex, inputs, folder, context, held)
  const { stepTimeout } = context.run
  const deadline = stepTimeout === undefined ? undefined : AbortSignal.timeout(stepTimeout)
  // the kernel's time for files lags behind by a tick
  const clampFrom = services.now().getTime() / 1000 - 0.02
  const copies = new MetadataCopies(services.now())
  let said = ''
  const running = run({
    spec: {
      ...specOf(op, folder, context.run.limits, await writeScripts(op, folder)),
      mounts: [...given.container, ...emulatorMounts(op, services.platform)],
    },
    root: { mounts: [...mounts, ...given.mounts], path: root },
    privateEnv: given.privateEnv,
    privateFiles: given.privateFiles,
    bundle,
    signal: deadline === undefined ? signal : AbortSignal.any([signal, deadline]),
    readRootFile: rootFileReader(await context.open(base)),
    onOutput: (stream, bytes) => {
      if (said.length < 1024) said += Buffer.from(bytes).toString('latin1')
      onEvent({ kind: 'log', id: vertex.digest, stream, bytes })
    },
  })
  const status = await running.catch((error: unknown) => {
    throw deadline?.aborted === true && !signal.aborted ? stepTimedOut(op, stepTimeout ?? 0) : error
  })
  if (status !== 0 && isForeign(said)) throw foreignProgram(op, services.platform)
  if (status !== 0) throw stepFailed(op, status, context.run)
  const time = timeOfMounts(op, inputs)
  const clampTime = latestTime({ time: Math.max(base.time, time ?? base.time) }, context.times)
  const layer = await services.layers.create(diffUpper(upper, { clampTime, clampFrom, onEntry: (entry) => copies.add(entry) }), {
    signal,
  })
  const message = await copies.message(await context.open(base), vertex.source?.start ?? 0)
  if (message !== undefined)
    onEvent({ kind: 'warning', message, ...(vertex.source === undefined ? {} : { source: vertex.source }) })
  return { ...layer, ...(time === undefined ? {} : { time }) }
}

/** The program that runs those of another architecture has to be in the container, unless the kernel has it open. */
const emulatorMounts = (op: ExecOp, here: Platform): readonly ContainerMount[] => {
  if (servesPlatform(here, op.platform)) return []
  const emulator = findEmulator(op.platform.architecture)
  if (emulator === undefined || emulator.fixed || !existsSync(emulator.interpreter)) return []
  const source = realpathSync(emulator.interpreter)
  return [{ kind: 'bind', source, target: emulator.interpreter, options: ['bind', 'rprivate', 'ro', 'nosuid', 'nodev'] }]
}

/** Of the newest of what is mounted. */
const timeOfMounts = ({ mounts }: ExecOp, inputs: readonly Result[]): number | undefined => {
  const times = mounts.flatMap((mount) => (mount.kind === 'bind' ? filesInput(inputs, mount.input).time : []))
  return times.length === 0 ? undefined : Math.max(...times)
}

const folderIn = async (parent: string, name: string): Promise<string> => {
  const path = join(parent, name)
  await mkdir(path)
  return path
}

const specOf = (op: ExecOp, folder: string, limits: RunOptions['limits'], binds: readonly BindMount[]): ContainerSpec => ({
  id: containerId(folder),
  hostname: 'buildkitsandbox',
  keepHostnameFile: true,
  args: op.args,
  env: [...op.env, ...op.proxy],
  workingFolder: op.cwd,
  user: op.user,
  terminal: false,
  interactive: false,
  network: op.network === 'none' ? 'none' : 'host',
  readOnlyRoot: false,
  binds,
  extraHosts: op.extraHosts,
  privileged: op.security === 'insecure',
  ulimits: op.ulimits,
  ...(limits === undefined ? {} : { limits }),
  ...(op.shmSize === 0 ? {} : { shmSize: op.shmSize }),
})

const writeScripts = async (op: ExecOp, folder: string): Promise<readonly BindMount[]> => {
  const binds: BindMount[] = []
  for (const [index, { path, content }] of op.scripts.entries()) {
    const source = join(folder, `script-${index}`)
    await writeFile(source, content, { flag: 'wx' })
    await chmod(source, 0o755)
    binds.push({ source, target: path, readOnly: true })
  }
  return binds
}
