import { isSecretName } from '../explain/secret-names.ts'
import type { StepFacts } from '../explain/step-note.ts'
import { hashOf, type ExecOp, type RunMount, type Vertex } from '../graph.ts'
import { resolvePath } from '../tree/resolve-path.ts'
import type { Tree } from '../tree/tree.ts'
import { sourceDigest } from './content-digest.ts'
import { chainOf, keyOf, type ExecuteContext, type Result, type Step } from './executor.ts'
import { filesInput, treeInput } from './inputs.ts'

type FilesMount = RunMount & { readonly input: number; readonly path: string }

const hasFiles = (mount: RunMount): mount is FilesMount => 'input' in mount && mount.input !== undefined

/**
 * The keys of a RUN step, and what it depends on besides its root. Files that are mounted count as a whole at first, which is quick to
 * know, then only what is mounted of them.
 */
export const execKeys = (
  { op, arguments: given = [] }: Vertex<ExecOp>,
  inputs: readonly Result[],
  context: ExecuteContext,
): Pick<Step, 'keys' | 'facts'> => {
  const onto = chainOf(filesInput(inputs))
  const whole = op.mounts.map((mount) =>
    hasFiles(mount) ? `${chainOf(filesInput(inputs, mount.input))} ${mount.path}` : undefined,
  )
  const parts = async (): Promise<readonly (string | undefined)[]> =>
    await Promise.all(
      op.mounts.map(async (mount, index) =>
        hasFiles(mount) && mount.path !== '/'
          ? await pathDigest(await treeInput(inputs, mount.input, context), mount.path)
          : whole[index],
      ),
    )
  const key = (files: readonly (string | undefined)[]): StepFacts =>
    keyOf({ ...stepInputs(op), ...mountInputs(op.mounts, files), onto }, context)
  return {
    keys: [
      async () => key(whole),
      ...(op.mounts.some((mount) => hasFiles(mount) && mount.path !== '/') ? [async () => key(await parts())] : []),
    ],
    facts: keyOf({ ...stepInputs(op), ...mountInputs(op.mounts, whole), arguments: given }, context),
  }
}

/** A variable as it is kept: of one that holds a secret by its name, only a digest. */
const withoutSecret = (variable: string): string => {
  const equals = variable.indexOf('=')
  const name = variable.slice(0, Math.max(0, equals))
  return isSecretName(name) ? `${name}=sha256:${hashOf(variable)}` : variable
}

/** What a RUN step depends on: proxies and addresses of hosts do not count, as in BuildKit; nor does what is as usual. */
const stepInputs = (op: ExecOp): StepFacts => {
  const { proxy: _proxy, mounts: _mounts, extraHosts, scripts, env, security, ulimits, shmSize, ...rest } = op
  return {
    ...rest,
    env: env.map(withoutSecret),
    extraHosts: extraHosts.map((one) => one.replace(/[:=].*$/, '')),
    scripts: scripts.map(({ path, content }) => ({ path, content: hashOf(content) })),
    ...(security === 'sandbox' ? {} : { security }),
    ...(ulimits.length === 0 ? {} : { ulimits }),
    ...(shmSize === 0 ? {} : { shmSize }),
  }
}

/** Which cache it is, and how it is shared, does not count; of secrets only how they are given. */
const mountInputs = (mounts: readonly RunMount[], files: readonly (string | undefined)[]): StepFacts =>
  mounts.length === 0 ? {} : { mounts: mounts.map((mount, index) => mountInput(mount, files[index])) }

const mountInput = (mount: RunMount, files: string | undefined): object => {
  const { kind, target } = mount
  const taken = files === undefined ? {} : { files }
  switch (kind) {
    case 'bind':
      return { kind, target, readOnly: mount.readOnly, ...taken }
    case 'cache':
      return { kind, target, readOnly: mount.readOnly, attributes: mount.attributes, ...taken }
    case 'tmpfs':
    case 'secret':
    case 'ssh':
      return mount
  }
}

/** What is at a path that a mount takes, by content. */
const pathDigest = async (tree: Tree, path: string): Promise<string> => {
  const { entry } = await resolvePath(tree, Buffer.from(path).toString('latin1'))
  return entry === undefined ? '' : await sourceDigest(tree, { name: '', entry }, [])
}
