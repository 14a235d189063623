import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { textFromBytes } from '../../layers/tree/byte-text.ts'
import { GantryError, messageOf, systemCode } from '../../lib/errors.ts'
import type { Mount } from '../../lib/mount.ts'
import type { ContainerMount, PrivateFile } from '../../runtime/interfaces.ts'
import { holdCacheMount, type CacheMountRequest, type HeldCacheMount } from '../cache-mounts.ts'
import type { RunMount, Vertex, ExecOp } from '../graph.ts'
import type { BuildSecret } from '../run-options.ts'
import { resolvePath } from '../tree/resolve-path.ts'
import { shownPath } from '../tree/tree.ts'
import { chainOf, type ExecuteContext, type FilesResult, type Result } from './executor.ts'
import { filesInput } from './inputs.ts'
import { writeTree } from './write-tree.ts'

/** What the mounts of a RUN step come to: mounts outside of the container, in it, and what is secret. */
export interface PreparedMounts {
  readonly mounts: readonly Mount[]
  readonly container: readonly ContainerMount[]
  readonly privateFiles: readonly PrivateFile[]
  readonly privateEnv: readonly string[]
}

type Of<K extends RunMount['kind']> = Extract<RunMount, { kind: K }>

/** Makes ready what a step mounts. What is held for it is given up with `held`; `folder` is the step's own. */
export const prepareMounts = async (
  vertex: Vertex<ExecOp>,
  inputs: readonly Result[],
  folder: string,
  context: ExecuteContext,
  held: AsyncDisposableStack,
): Promise<PreparedMounts> => {
  const mounts: Mount[] = []
  const container: ContainerMount[] = []
  const privateFiles: PrivateFile[] = []
  const privateEnv: string[] = []
  const caches = await holdCaches(vertex, inputs, context, held)
  for (const [index, mount] of vertex.op.mounts.entries())
    switch (mount.kind) {
      case 'bind': {
        const bound = await bindMount(mount, filesInput(inputs, mount.input), join(folder, `mount-${index}`), context)
        mounts.push(...bound.mounts)
        container.push(bound.container)
        break
      }
      case 'cache':
        container.push(await cacheMount(mount, caches.get(mount)))
        break
      case 'tmpfs':
        container.push(tmpfsMount(mount))
        break
      case 'secret': {
        const bytes = await secretBytes(mount, context)
        if (bytes === undefined) break
        const { target, mode, uid, gid, env } = mount
        if (target !== undefined) privateFiles.push({ target, bytes, mode, uid, gid })
        if (env !== undefined) privateEnv.push(`${env}=${Buffer.from(bytes).toString('utf8')}`)
        break
      }
      case 'ssh': {
        const agent = await agentMount(mount, join(folder, `mount-${index}`), context, held)
        if (agent !== undefined) container.push(agent)
        break
      }
    }
  return { mounts, container, privateFiles, privateEnv }
}

/** A path of other files; what is written to it is discarded. */
const bindMount = async (
  mount: Of<'bind'>,
  files: FilesResult,
  folder: string,
  context: ExecuteContext,
): Promise<{ readonly mounts: readonly Mount[]; readonly container: ContainerMount }> => {
  await files.prepare({ signal: context.signal })
  const path = await sourcePath(mount, files, context)
  const [target, scratch, upper, work] = ['root', 'scratch', 'upper', 'work'].map((name) => join(folder, name))
  if (target === undefined || scratch === undefined || upper === undefined || work === undefined)
    throw new GantryError('internal', 'NO_SCRATCH', 'Cannot run the step: it has no folders')
  for (const one of [target, scratch, upper, work]) await mkdir(one, { recursive: true })
  const ids = files.layers.map(({ diffId }) => diffId)
  const mounts =
    ids.length === 0
      ? []
      : await context.services.layers.mounts(ids, { target, scratch, ...(mount.readOnly ? {} : { upper: { upper, work } }) })
  const options = ['rbind', 'rprivate', ...(mount.readOnly ? ['ro'] : [])]
  return { mounts, container: { kind: 'bind', source: join(target, path), target: mount.target, options } }
}

/** Where a mount's path leads; a link does not lead out of the files. */
const sourcePath = async (mount: Of<'bind' | 'cache'>, files: FilesResult, context: ExecuteContext): Promise<string> => {
  if (mount.path === '/') return '/'
  const { path, entry } = await resolvePath(await context.open(files), Buffer.from(mount.path).toString('latin1'))
  if (entry !== undefined) return textFromBytes(path).text
  throw new GantryError('not_found', 'SOURCE_NOT_FOUND', `failed to calculate checksum: "${shownPath(path)}": not found`, {
    hint: `it is what --mount=target=${mount.target} takes`,
  })
}

/** All caches of a step, in an order that is the same for all steps: two that lock the same ones do not wait for each other. */
const holdCaches = async (
  { op, digest }: Vertex<ExecOp>,
  inputs: readonly Result[],
  context: ExecuteContext,
  held: AsyncDisposableStack,
): Promise<ReadonlyMap<RunMount, HeldCacheMount>> => {
  const caches = new Map<RunMount, HeldCacheMount>()
  const known = new Map<string, HeldCacheMount>()
  for (const mount of op.mounts.filter((one) => one.kind === 'cache').toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const request = await cacheRequest(mount, inputs, context)
    const name = JSON.stringify([request.id, request.seed, request.attributes])
    const onWait = (): void =>
      context.onEvent({ kind: 'status', id: digest, name: `waiting for the cache mount "${mount.id}"`, done: false })
    const { now, cacheFolder } = context.services
    const cache =
      known.get(name) ??
      held.use(
        await holdCacheMount(cacheFolder, request, { now, scratch: () => context.scratch(), signal: context.signal, onWait }),
      )
    known.set(name, cache)
    caches.set(mount, cache)
  }
  return caches
}

const cacheRequest = async (
  mount: Of<'cache'>,
  inputs: readonly Result[],
  context: ExecuteContext,
): Promise<CacheMountRequest> => {
  const { id, sharing, attributes } = mount
  const request = { id, sharing, ...(attributes === undefined ? {} : { attributes }) }
  if (mount.input === undefined) return request
  const files = filesInput(inputs, mount.input)
  const fill = async (folder: string): Promise<void> => {
    await files.prepare({ signal: context.signal })
    const tree = await context.open(files)
    await writeTree(tree, Buffer.from(await sourcePath(mount, files, context)).toString('latin1'), folder, {
      signal: context.signal,
    })
  }
  return { ...request, seed: `${chainOf(files)} ${mount.path}`, fill }
}

const cacheMount = async (mount: Of<'cache'>, cache: HeldCacheMount | undefined): Promise<ContainerMount> => {
  if (cache === undefined) throw new GantryError('internal', 'NO_CACHE_MOUNT', `Cannot mount cache "${mount.id}": it is not held`)
  const options = ['rbind', 'rprivate', ...(mount.readOnly ? ['ro'] : [])]
  if (mount.input !== undefined || mount.path === '/')
    return { kind: 'bind', source: cache.folder, target: mount.target, options }
  throw new GantryError('invalid_argument', 'CACHE_SOURCE', `cache mount "${mount.id}" has a source, but nothing that it is in`, {
    hint: 'source says what of from=… a new cache begins with',
  })
}

const tmpfsMount = ({ target, size, readOnly }: Of<'tmpfs'>): ContainerMount => ({
  kind: 'tmpfs',
  source: '',
  target,
  options: ['nosuid', ...(readOnly ? ['ro'] : []), ...(size === 0 ? [] : [`size=${size}`])],
})

/** A socket of the step's own, behind which the agent is. */
const agentMount = async (
  mount: Of<'ssh'>,
  folder: string,
  { run }: ExecuteContext,
  held: AsyncDisposableStack,
): Promise<ContainerMount | undefined> => {
  const { id, required, target } = mount
  const given = run.ssh?.findLast((one) => one.id === id)
  if (given === undefined) {
    if (!required) return undefined
    const reason = (run.ssh ?? []).length === 0 ? `no SSH key "${id}" forwarded from the client` : `unset ssh forward key ${id}`
    throw new GantryError('not_found', 'AGENT_NOT_FOUND', reason, { hint: `forward an agent with --ssh ${id}` })
  }
  const [{ openAgent }, { serveAgent }] = await Promise.all([import('../ssh/agent.ts'), import('../ssh/serve-agent.ts')])
  const agent = await openAgent(given)
  await mkdir(folder, { recursive: true })
  const { path } = held.use(await serveAgent(agent, folder, mount))
  return { kind: 'bind', source: path, target, options: ['rbind', 'rprivate'] }
}

/** As BuildKit's limit: 500 KB. */
const secretLimit = 500 * 1024

const secretBytes = async (mount: Of<'secret'>, { run }: ExecuteContext): Promise<Uint8Array | undefined> => {
  const { id, required } = mount
  const secret = run.secrets?.findLast((one) => one.id === id)
  if (secret === undefined) {
    if (!required) return undefined
    throw new GantryError('not_found', 'SECRET_NOT_FOUND', `secret ${id}: not found`, {
      hint: `give it with --secret id=${id},src=FILE or --secret id=${id},env=NAME`,
    })
  }
  const bytes = 'value' in secret ? secret.value : await readSecret(secret)
  if (bytes.length > secretLimit)
    throw new GantryError('invalid_argument', 'SECRET_TOO_LARGE', `secret ${id} too big. max size ${secretLimit / 1024}KB`)
  if (mount.env !== undefined && bytes.includes(0))
    throw new GantryError('invalid_argument', 'SECRET_INVALID', `secret ${id} cannot be a variable: it holds a NUL byte`)
  return bytes
}

const readSecret = async ({ id, file }: Extract<BuildSecret, { file: string }>): Promise<Uint8Array> => {
  try {
    return await readFile(file)
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause
    throw new GantryError('not_found', 'SECRET_UNREADABLE', `Cannot read secret "${id}": ${messageOf(cause)}`, { cause })
  }
}
