import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { has } from '../tools/requirements.ts'

export const checkout = join(import.meta.dirname, '..')

/** Why a test that needs programs or root has to be skipped; false if nothing is missing. */
export const lacking = (programs: readonly string[], options: { readonly root?: boolean } = {}): string | false => {
  const missing = programs.filter((program) => !has(program))
  if (missing.length > 0) return `needs ${missing.join(', ')}`
  return options.root === true && process.getuid?.() !== 0 ? 'needs root' : false
}

export interface Result {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** A gantry with a root of its own in a temporary folder; disposing removes everything that it has. */
export class TestGantry implements AsyncDisposable {
  readonly folder: string
  readonly environment: NodeJS.ProcessEnv
  readonly #children: ChildProcess[] = []

  constructor(environment: NodeJS.ProcessEnv = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'gantry-e2e-'))
    this.environment = {
      ...process.env,
      GANTRY_ROOT: join(this.folder, 'root'),
      GANTRY_RUN: join(this.folder, 'run'),
      DOCKER_CONFIG: join(this.folder, 'docker'),
      XDG_CONFIG_HOME: join(this.folder, 'config'),
      XDG_STATE_HOME: join(this.folder, 'state'),
      NO_COLOR: '1',
      ...environment,
    }
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts)
  }

  /** Runs a command to its end, whatever its status. */
  try(
    args: readonly string[],
    options: { readonly input?: string | Buffer; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
  ): Result {
    const result = spawnSync(join(checkout, 'bin', 'gantry'), args, {
      cwd: options.cwd ?? this.folder,
      env: { ...this.environment, ...options.env },
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      ...(options.input === undefined ? { stdio: ['ignore', 'pipe', 'pipe'] } : { input: options.input }),
    })
    return { status: result.status ?? 128, stdout: result.stdout, stderr: result.stderr }
  }

  /** Runs a command that has to succeed; answers what it printed. */
  run(...args: readonly string[]): string {
    const result = this.try(args)
    if (result.status !== 0)
      throw new Error(`gantry ${args.join(' ')} ended with ${result.status}: ${result.stderr}${result.stdout}`)
    return result.stdout
  }

  /** Starts a command and leaves it running until it is stopped or the test ends. */
  start(...args: readonly string[]): ChildProcess {
    const child = spawn(join(checkout, 'bin', 'gantry'), args, {
      cwd: this.folder,
      env: this.environment,
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#children.push(child)
    return child
  }

  /** A hub of this gantry; answers `127.0.0.1:port`. */
  async hub(): Promise<string> {
    const port = await freePort()
    this.start('hub', 'serve', '--listen', `127.0.0.1:${port}`)
    await answers(`http://127.0.0.1:${port}/v2/`)
    return `127.0.0.1:${port}`
  }

  /** A folder with files, as a build context. */
  context(files: Readonly<Record<string, string | Buffer>>): string {
    const folder = mkdtempSync(join(this.folder, 'context-'))
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(folder, name, '..'), { recursive: true })
      writeFileSync(join(folder, name), content)
    }
    return folder
  }

  /** An image `name` with nothing but busybox and its links in /bin. */
  busybox(name: string): void {
    const folder = this.context({
      Dockerfile:
        'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nENV PATH=/bin\nCMD ["sh"]\n',
    })
    copyFileSync(busyboxPath(), join(folder, 'busybox'))
    this.run('build', '-q', '-t', name, folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ids = this.try(['ps', '-aq'])
      .stdout.split('\n')
      .filter((id) => id !== '')
    if (ids.length > 0) this.try(['rm', '-f', ...ids])
    await Promise.all(this.#children.map(async (child) => await stop(child)))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** The machine's static busybox. */
export const busyboxPath = (): string => (existsSync('/bin/busybox') ? '/bin/busybox' : '/usr/bin/busybox')

/** Ends a process that a test started, and waits for it. */
export const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  await ended
  clearTimeout(killer)
}

export const freePort = async (): Promise<number> =>
  await new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

/** Waits until a URL answers with 2xx or 401, and gives the body. */
export const answers = async (url: string): Promise<string> => {
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(url)
      if (response.ok || response.status === 401) return await response.text()
      throw new Error(`${url} answered ${response.status}`)
    } catch (error) {
      if (attempt === 100) throw error
      await sleep(100)
    }
  }
}

/** Debian's docker-registry on loopback with its data in `folder`. */
export const startDockerRegistry = async (folder: string): Promise<{ readonly host: string; readonly process: ChildProcess }> => {
  mkdirSync(folder, { recursive: true })
  const host = `127.0.0.1:${await freePort()}`
  writeFileSync(
    join(folder, 'config.yml'),
    `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: "${folder}/data"}, delete: {enabled: true}}\nhttp: {addr: "${host}", secret: test}\n`,
  )
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
    stdio: 'ignore',
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  })
  await answers(`http://${host}/v2/`)
  return { host, process: child }
}

/** podman as root with a store of its own below `folder`, on a runtime that works on this machine. */
export const podmanCommand = (
  folder: string,
): { readonly command: readonly string[]; readonly environment: NodeJS.ProcessEnv } => {
  mkdirSync(folder, { recursive: true })
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? '1024'
  const files = hard === 'unlimited' ? '1048576' : hard
  writeFileSync(
    join(folder, 'containers.conf'),
    `[containers]\ndefault_ulimits = ["nofile=${files}:${files}", "nproc=16384:16384"]\n[engine]\ncgroup_manager = "cgroupfs"\nruntime = "runc"\nevents_logger = "file"\n`,
  )
  writeFileSync(join(folder, 'registries.conf'), 'unqualified-search-registries = []\n')
  return {
    command: [
      'podman',
      '--root',
      join(folder, 'root'),
      '--runroot',
      join(folder, 'run'),
      '--tmpdir',
      join(folder, 'tmp'),
      '--storage-driver',
      'overlay',
    ],
    environment: {
      ...process.env,
      CONTAINERS_CONF: join(folder, 'containers.conf'),
      CONTAINERS_REGISTRIES_CONF: join(folder, 'registries.conf'),
    },
  }
}

/** Unmounts whatever a peer left mounted below a folder, then removes the folder. */
export const dropFolder = (folder: string): void => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
  for (const mount of mounts.toReversed()) spawnSync('umount', ['-l', mount])
  rmSync(folder, { recursive: true, force: true })
}

/** Runs any program that has to succeed. */
export const sh = (command: readonly string[], environment: NodeJS.ProcessEnv = process.env, cwd?: string): string => {
  const result = spawnSync(command[0] ?? '', command.slice(1), {
    env: environment,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...(cwd === undefined ? {} : { cwd }),
  })
  if (result.status !== 0)
    throw new Error(`${command.join(' ')} ended with ${result.status ?? result.error?.message}: ${result.stderr}${result.stdout}`)
  return result.stdout
}
