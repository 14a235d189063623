import { randomBytes } from 'node:crypto'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { diffUpper } from '../../layers/diff.ts'
import type { LayerInfo } from '../../layers/interfaces.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { BindMount, ContainerSpec } from '../../runtime/interfaces.ts'
import { isSecretName } from '../explain/secret-names.ts'
import type { StepFacts } from '../explain/step-note.ts'
import { hashOf, type ExecOp, type Vertex } from '../graph.ts'
import type { BuildServices } from '../interfaces.ts'
import { chainOf, keyOf, latestTime, type ExecuteContext, type Executor, type FilesResult } from './executor.ts'
import { filesInput } from './inputs.ts'
import { rootFileReader } from './owner.ts'

/** RUN: a container over the layers so far; what it leaves in its upper folder is the new layer, be it empty. */
export const executeExec: Executor<ExecOp> = async (vertex, inputs, context) => {
  const base = filesInput(inputs)
  return {
    kind: 'step',
    base,
    keys: [async () => keyOf({ ...stepInputs(vertex.op), onto: chainOf(base) }, context)],
    facts: keyOf({ ...stepInputs(vertex.op), arguments: vertex.arguments ?? [] }, context),
    run: async () => await runStep(vertex, base, context),
  }
}

/** A variable as it is kept: of one that holds a secret by its name, only a digest. */
const withoutSecret = (variable: string): string => {
  const equals = variable.indexOf('=')
  const name = variable.slice(0, Math.max(0, equals))
  return isSecretName(name) ? `${name}=sha256:${hashOf(variable)}` : variable
}

/** What a RUN step depends on: proxies and addresses of hosts do not count, as in BuildKit. */
const stepInputs = ({ proxy: _proxy, extraHosts, scripts, env, ...op }: ExecOp): StepFacts => ({
  ...op,
  env: env.map(withoutSecret),
  extraHosts: extraHosts.map((one) => one.replace(/[:=].*$/, '')),
  scripts: scripts.map(({ path, content }) => ({ path, content: hashOf(content) })),
})

const runStep = async (vertex: Vertex<ExecOp>, base: FilesResult, context: ExecuteContext): Promise<LayerInfo> => {
  const { services } = context
  if (services.run === undefined)
    throw new GantryError('unsupported', 'NO_RUNTIME', 'RUN needs Linux and an OCI runtime', {
      hint: "'gantry doctor' says what this machine lacks",
    })
  const folder = await context.scratch()
  try {
    return await runIn(folder, services.run, vertex, base, context)
  } finally {
    // it may be large, and the build may go on for long
    await rm(folder, { recursive: true, force: true })
  }
}

const runIn = async (
  folder: string,
  run: NonNullable<BuildServices['run']>,
  vertex: Vertex<ExecOp>,
  base: FilesResult,
  context: ExecuteContext,
): Promise<LayerInfo> => {
  const { services, signal, onEvent } = context
  const { op } = vertex
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
  const running = run({
    spec: specOf(op, await writeScripts(op, folder)),
    root: { mounts, path: root },
    bundle,
    signal,
    readRootFile: rootFileReader(await context.open(base)),
    onOutput: (stream, bytes) => onEvent({ kind: 'log', id: vertex.digest, stream, bytes }),
  })
  const status = await running.catch((error: unknown) => {
    throw beginFailed(error, op, services.platform.architecture)
  })
  if (status !== 0) throw stepFailed(op, status)
  return await services.layers.create(diffUpper(upper, { clampTime: latestTime(base, context.times) }), { signal })
}

const folderIn = async (parent: string, name: string): Promise<string> => {
  const path = join(parent, name)
  await mkdir(path)
  return path
}

const specOf = (op: ExecOp, binds: readonly BindMount[]): ContainerSpec => ({
  id: `gantry-build-${randomBytes(8).toString('hex')}`,
  hostname: 'buildkitsandbox',
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

const stepFailed = (op: ExecOp, status: number): GantryError =>
  new GantryError(
    'failed_precondition',
    'STEP_FAILED',
    `process ${JSON.stringify(op.args.join(' '))} did not complete successfully: exit code: ${status}`,
  )

/** A step for another architecture that could not even begin most likely lacks what runs its programs here. */
const beginFailed = (error: unknown, op: ExecOp, architecture: string): unknown => {
  const wanted = op.platform.architecture
  if (!isGantryError(error) || error.kind === 'canceled' || wanted === architecture) return error
  return new GantryError(error.kind, error.code, error.message, {
    cause: error,
    hint: `programs for ${wanted} need an emulator here: install qemu-user-static and its binfmt handlers`,
  })
}
