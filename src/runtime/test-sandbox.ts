import { execFileSync } from 'node:child_process'
import { accessSync, constants, readFileSync, readdirSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { attachContainer } from './attach.ts'
import {
  createContainer,
  deleteContainer,
  startContainer,
  type ContainerPlace,
  type CreateContainerOptions,
} from './container.ts'
import { detectRuntime, type RuntimeKind, type RuntimeTools } from './detect-runtime.ts'
import type { ContainerSpec, RootFileSystem } from './interfaces.ts'
import { monitorEnd, waitContainer } from './wait.ts'
import type { ReadRootFile } from './user.ts'

const programFolders = ['/usr/bin', '/usr/sbin', '/bin', '/sbin']

const installed = (name: string): boolean =>
  programFolders.some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

/** Why tests with containers cannot run here; false if they can. */
export const containersSkip = (...programs: readonly string[]): string | false => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux'
  const missing = ['busybox', 'conmon', ...programs].filter((name) => !installed(name))
  return missing.length === 0 ? false : `needs ${missing.join(', ')}`
}

/** Output and status of a container that ran to its end. */
export interface Run {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** A folder for tests with a busybox image and a runtime's state, taken away with all its containers at the end. */
export class TestSandbox implements AsyncDisposable {
  readonly tools: RuntimeTools
  readonly base: string
  readonly image: string
  readonly #places: ContainerPlace[] = []
  readonly #mark: string
  #count = 0

  private constructor(base: string, tools: RuntimeTools) {
    this.base = base
    this.tools = tools
    this.image = join(base, 'image')
    this.#mark = base.slice(-6)
  }

  static async create(kind: RuntimeKind = 'crun'): Promise<TestSandbox> {
    const base = await mkdtemp(join(tmpdir(), 'gantry-runtime-'))
    const tools = await detectRuntime({ path: programFolders.join(':'), stateFolder: join(base, 'state'), prefer: kind })
    const sandbox = new TestSandbox(base, tools)
    await makeImage(sandbox.image)
    return sandbox
  }

  /** A writable root over the image; its upper folder is `<path>/../upper`. */
  async root(name = `root${this.#count++}`): Promise<RootFileSystem & { readonly upper: string }> {
    const [path, upper, work] = ['root', 'upper', 'work'].map((one) => join(this.base, name, one)) as [string, string, string]
    await Promise.all([path, upper, work].map((one) => mkdir(one, { recursive: true })))
    return { path, upper, mounts: [{ kind: 'overlay', target: path, lower: [this.image], upper, work }] }
  }

  spec(args: readonly string[], more: Partial<ContainerSpec> = {}): ContainerSpec {
    return {
      id: `t${this.#count++}${this.#mark.toLowerCase()}`,
      args,
      env: [],
      workingFolder: '/',
      user: '',
      terminal: false,
      interactive: false,
      network: 'none',
      readOnlyRoot: false,
      binds: [],
      ...more,
    }
  }

  readonly readRootFile: ReadRootFile = async (path) => {
    try {
      return await readFile(join(this.image, path))
    } catch {
      return undefined
    }
  }

  /** Where a container goes; it is taken away at the end. */
  place(spec: ContainerSpec): ContainerPlace {
    const place = { id: spec.id, folder: join(this.base, spec.id) }
    this.#places.push(place)
    return place
  }

  async create(
    spec: ContainerSpec,
    more: Partial<CreateContainerOptions> = {},
  ): Promise<ContainerPlace & { readonly pid: number; readonly monitorPid: number }> {
    const place = this.place(spec)
    const root = more.root ?? (await this.root())
    const created = await createContainer(this.tools, {
      spec,
      root,
      folder: place.folder,
      readRootFile: this.readRootFile,
      ...more,
    })
    return { ...place, ...created }
  }

  /** Runs a container to its end and takes it away. */
  async run(
    args: readonly string[],
    more: Partial<ContainerSpec> & { readonly stdin?: Buffer; readonly root?: RootFileSystem } = {},
  ): Promise<Run> {
    const { stdin, root, ...rest } = more
    const spec = this.spec(args, { interactive: stdin !== undefined, ...rest })
    const place = await this.create(spec, root === undefined ? {} : { root })
    const [stdout, stderr] = [collector(), collector()]
    const streams = {
      stdout: stdout.stream,
      stderr: stderr.stream,
      ...(stdin === undefined ? {} : { stdin: Readable.from([stdin]) }),
    }
    const { result } = attachContainer(place.folder, streams, { terminal: spec.terminal })
    await startContainer(this.tools, place)
    await result
    const status = await waitContainer(this.tools, place)
    await deleteContainer(this.tools, place)
    return { status, stdout: stdout.text(), stderr: stderr.text() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const place of this.#places) {
      await deleteContainer(this.tools, place, { force: true })
      await monitorEnd(place.folder)
    }
    const left = leftovers(this.base, this.#mark.toLowerCase())
    await rm(this.base, { recursive: true, force: true })
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`)
  }
}

/** What a stream was given. */
export const collector = (): { readonly stream: PassThrough; readonly bytes: () => Buffer; readonly text: () => string } => {
  const chunks: Buffer[] = []
  const stream = new PassThrough()
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk))
  const bytes = (): Buffer => Buffer.concat(chunks)
  return { stream, bytes, text: () => bytes().toString('utf8') }
}

const makeImage = async (image: string): Promise<void> => {
  await Promise.all(
    ['bin', 'etc', 'tmp', 'home/app', 'proc', 'sys', 'dev'].map((name) => mkdir(join(image, name), { recursive: true })),
  )
  await cp('/usr/bin/busybox', join(image, 'bin/busybox'))
  const names = execFileSync('/usr/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n')
  await Promise.all(names.filter((name) => name !== 'busybox').map((name) => symlink('busybox', join(image, 'bin', name))))
  await writeFile(join(image, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n')
  await writeFile(join(image, 'etc/group'), 'root:x:0:\napp:x:1001:\nvideo:x:44:app,other\naudio:x:29:app\n')
}

/** Mounts, processes and control groups that have to do with a sandbox. */
const leftovers = (base: string, mark: string): readonly string[] => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(base))
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandLine(pid).includes(base))
  const groups = ['', ...safeList('/sys/fs/cgroup')].flatMap((name) =>
    safeList(join('/sys/fs/cgroup', name)).filter((one) => one.startsWith('gantry-') && one.endsWith(mark)),
  )
  return [...mounts, ...processes.map((pid) => `process ${pid}: ${commandLine(pid)}`), ...groups]
}

const commandLine = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

const safeList = (path: string): readonly string[] => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
