import { accessSync, constants } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readImage } from '../content/image.ts'
import type { DiskStore } from '../content/interfaces.ts'
import { openDiskStore } from '../content/disk-store/disk-store.ts'
import type { LayerStore } from '../layers/interfaces.ts'
import { openLayerStore } from '../layers/open.ts'
import { openStack } from '../layers/stack.ts'
import { collect } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { detectRuntime } from '../runtime/detect-runtime.ts'
import { StepRunner } from '../runtime/step-runner.ts'
import { buildImage, type BuildEvent, type BuildImageOptions, type BuiltImage } from './build-image.ts'
import type { BuildServices } from './interfaces.ts'
import { StackTree } from './tree/stack-tree.ts'
import type { Tree } from './tree/tree.ts'

const present = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Why builds with RUN steps cannot be tested here; false if they can. */
export const runSkip: string | false =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'needs root on Linux'
    : !present('/bin/busybox') || !(present('/usr/bin/crun') || present('/usr/bin/runc'))
      ? 'needs busybox-static and crun or runc'
      : false

/** A file of a context: its text, or its text and mode, or where it links to. */
export type ContextFile = string | { readonly text: string; readonly mode: number } | { readonly link: string }

/** What a build did: its image, its files, and its steps with how they ended. */
export interface TestBuild extends BuiltImage {
  readonly events: readonly BuildEvent[]
  /** `label → cached`, in the order in which they ended, internal ones not. */
  readonly steps: readonly string[]
  /** All that RUN steps wrote. */
  readonly output: string
}

/** A root folder with stores for builds in a test; everything goes at the end. */
export class TestBuilds implements AsyncDisposable {
  readonly root: string
  readonly layers: LayerStore
  readonly content: DiskStore
  readonly services: BuildServices
  readonly #steps: StepRunner
  #contexts = 0

  private constructor(root: string, layers: LayerStore, content: DiskStore, services: BuildServices, steps: StepRunner) {
    this.root = root
    this.layers = layers
    this.content = content
    this.services = services
    this.#steps = steps
  }

  static async open(driver?: 'erofs' | 'folder'): Promise<TestBuilds> {
    const root = await mkdtemp(join(tmpdir(), 'gantry-build-'))
    const layers = await openLayerStore({ root, ...(driver === undefined ? {} : { driver }) })
    const content = await openDiskStore({ folder: join(root, 'content') })
    const tools = async (): ReturnType<typeof detectRuntime> =>
      await detectRuntime({ path: '/usr/bin:/usr/sbin:/bin:/sbin', stateFolder: join(root, 'state') })
    const steps = new StepRunner(tools)
    const services: BuildServices = {
      layers,
      content,
      cacheFolder: join(root, 'build-cache'),
      scratchFolder: join(root, 'tmp'),
      sources: { folder: join(root, 'sources'), environment: { PATH: process.env['PATH'] } },
      now: () => new Date(),
      platform: { os: 'linux', architecture: 'amd64' },
      run: async (options) => await steps.run(options),
      resolveImage: async (reference, { platform }) => {
        const target = await content.resolve(reference)
        const image = await readImage(content, target, { platform, fallback: true })
        return { image, name: `${reference}@${image.descriptor.digest}`, prepare: async () => undefined }
      },
    }
    return new TestBuilds(root, layers, content, services, steps)
  }

  /** A new folder with these files. */
  async context(files: Readonly<Record<string, ContextFile>>): Promise<string> {
    const folder = join(this.root, 'contexts', String(this.#contexts++))
    await mkdir(folder, { recursive: true })
    for (const [path, file] of Object.entries(files)) await this.write(folder, path, file)
    return folder
  }

  async write(folder: string, path: string, file: ContextFile): Promise<void> {
    const full = join(folder, path)
    await mkdir(dirname(full), { recursive: true })
    if (typeof file === 'string') await writeFile(full, file)
    else if ('link' in file) await symlink(file.link, full)
    else {
      await writeFile(full, file.text)
      await chmod(full, file.mode)
    }
  }

  /** Builds, and answers what happened; a failed build throws with `events` and `output` on the error. */
  async build(options: BuildImageOptions, services: Partial<BuildServices> = {}): Promise<TestBuild> {
    const events: BuildEvent[] = []
    const onEvent = (event: BuildEvent): void => {
      events.push(event)
      options.onEvent?.(event)
    }
    try {
      const built = await buildImage({ ...options, onEvent }, { ...this.services, ...services })
      return { ...built, events, steps: stepsOf(events), output: outputOf(events) }
    } catch (error) {
      throw Object.assign(error as Error, { events, steps: stepsOf(events), output: outputOf(events) })
    }
  }

  /** Builds a Dockerfile with a context of some files. */
  async dockerfile(
    text: string,
    files: Readonly<Record<string, ContextFile>> = {},
    options: BuildImageOptions = {},
    services: Partial<BuildServices> = {},
  ): Promise<TestBuild> {
    return await this.build({ ...options, context: await this.context({ ...files, Dockerfile: text }) }, services)
  }

  /** An image of a static busybox with its commands and an /etc/passwd, named `busybox`. */
  async busybox(): Promise<void> {
    const context = await this.context({
      Dockerfile: 'FROM scratch\nCOPY . /\nCMD ["sh"]',
      '.dockerignore': 'Dockerfile\n.dockerignore',
      'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\napp:x:500:501::/home/app:/bin/sh\n',
      'etc/group': 'root:x:0:\nstaff:x:77:app\n',
      'root/.keep': '',
      'tmp/.keep': '',
    })
    await chmod(join(context, 'tmp'), 0o1777)
    await mkdir(join(context, 'bin'))
    await cp('/bin/busybox', join(context, 'bin/busybox'))
    for (const name of [
      'sh',
      'ls',
      'cat',
      'echo',
      'mkdir',
      'rm',
      'chown',
      'chmod',
      'ln',
      'id',
      'env',
      'sleep',
      'true',
      'false',
      'touch',
      'pwd',
      'stat',
      'mv',
    ])
      await symlink('busybox', join(context, 'bin', name))
    // the same image whenever it is made
    const { descriptor } = await this.build({ context, buildArgs: { SOURCE_DATE_EPOCH: '1500000000' } })
    await this.content.tag('docker.io/library/busybox:latest', descriptor)
  }

  /** What `work` finds in the files of an image. */
  async files<T>({ config }: Pick<BuiltImage, 'config'>, work: (tree: Tree) => Promise<T>): Promise<T> {
    await using stack = openStack(await Promise.all(config.rootfs.diff_ids.map((id) => this.layers.open(id))))
    return await work(new StackTree(stack))
  }

  /** `MODE UID:GID PATH` of all that is below a path, with targets of links and contents of small files. */
  async listing(image: Pick<BuiltImage, 'config'>, below = ''): Promise<readonly string[]> {
    return await this.files(image, async (tree) => await listTree(tree, below))
  }

  /** What builds have left in their scratch folder. */
  async leftovers(): Promise<readonly string[]> {
    return await readdir(this.services.scratchFolder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#steps[Symbol.asyncDispose]()
    await rm(this.root, { recursive: true, force: true })
  }
}

const listTree = async (tree: Tree, path: string): Promise<readonly string[]> => {
  const lines: string[] = []
  for (const entry of await tree.list(path)) {
    const text =
      entry.kind === 'file' && entry.size <= 200 ? ` ${JSON.stringify((await collect(tree.read(entry), 200)).toString())}` : ''
    const target = entry.target === undefined ? '' : ` -> ${entry.target}`
    const slash = entry.kind === 'folder' ? '/' : ''
    lines.push(`${entry.mode.toString(8)} ${entry.uid}:${entry.gid} ${entry.path}${slash}${target}${text}`)
    if (entry.kind === 'folder') lines.push(...(await listTree(tree, entry.path)))
  }
  return lines
}

const stepsOf = (events: readonly BuildEvent[]): readonly string[] => {
  const labels = new Map<string, string>()
  const steps: string[] = []
  for (const event of events) {
    if (event.kind === 'started') labels.set(event.id, event.label)
    if (event.kind !== 'cached' && event.kind !== 'done' && event.kind !== 'failed' && event.kind !== 'canceled') continue
    const label = labels.get(event.id)
    if (label === undefined)
      throw new GantryError('internal', 'EVENT_ORDER', `Cannot show "${event.id}": it ended before it began`)
    if (!event.id.startsWith('internal:')) steps.push(`${label} → ${event.kind}`)
  }
  return steps
}

const outputOf = (events: readonly BuildEvent[]): string =>
  Buffer.concat(events.flatMap((event) => (event.kind === 'log' ? [event.bytes] : []))).toString()
