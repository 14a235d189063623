import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { transformSync } from 'esbuild'
import { collect, type ByteStream } from '../../src/lib/bytes.ts'
import { Engine } from '../../src/engine/engine.ts'
import { checkout } from '../support.ts'
import type { Fault } from './inject.ts'

export interface Ended {
  /** Undefined for a process that a signal ended. */
  readonly status: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** A failed command says what it cannot do, and shows no stack. */
export const assertClearError = ({ status, stderr }: Ended): void => {
  assert.equal(status, 1, stderr)
  assert.match(stderr, /^gantry \w+: Cannot [^\n]+$/m)
  assert.doesNotMatch(stderr, /mistake in gantry|^ {4}at /m)
}

export interface RunningGantry {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
}

/** A root folder, the gantry processes that work on it, and an engine of this process over it. Disposing ends and removes all. */
export class FaultyRoot implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gantry-faults-'))
  readonly root: string
  readonly #environment: NodeJS.ProcessEnv
  readonly #children = new Set<ChildProcess>()

  constructor(environment: NodeJS.ProcessEnv = {}, root?: string) {
    this.root = root ?? join(this.folder, 'root')
    this.#environment = {
      ...process.env,
      GANTRY_ROOT: this.root,
      GANTRY_RUN: join(this.folder, 'run'),
      DOCKER_CONFIG: join(this.folder, 'docker'),
      NO_COLOR: '1',
      ...environment,
    }
  }

  /** Starts a command, with a fault in it or without. */
  start(args: readonly string[], fault?: Omit<Fault, 'below'>): RunningGantry {
    const inject = {
      NODE_OPTIONS: `--import ${this.#preload()}`,
      GANTRY_TEST_FAULT: JSON.stringify({ below: this.root, ...fault }),
    }
    const child = spawn(process.execPath, [join(checkout, 'bin', 'gantry.cjs'), ...args], {
      env: { ...this.#environment, ...(fault === undefined ? {} : inject) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#children.add(child)
    const closed = new Promise<number | undefined>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (status) => resolve(status ?? undefined))
    })
    const text = async (stream: ByteStream): Promise<string> => (await collect(stream, 1 << 24)).toString()
    const ended = Promise.all([closed, text(child.stdout as ByteStream), text(child.stderr as ByteStream)])
    return {
      child,
      ended: ended.then(([status, stdout, stderr]) => {
        this.#children.delete(child)
        return { status, stdout, stderr }
      }),
    }
  }

  /** The preload without its types, which would cost every process and thread a tenth of a second. */
  #preload(): string {
    const path = join(this.folder, 'inject.mjs')
    const source = readFileSync(join(import.meta.dirname, 'inject.ts'), 'utf8')
    writeFileSync(path, transformSync(source, { loader: 'ts' }).code)
    return path
  }

  async run(...args: readonly string[]): Promise<Ended> {
    return await this.start(args).ended
  }

  /** Registries see `userAgent`. */
  get userAgent(): string {
    return basename(this.folder)
  }

  engine(): Engine {
    return new Engine({
      root: this.root,
      runFolder: join(this.folder, 'run'),
      environment: {},
      platform: { os: 'linux', architecture: 'amd64' },
      userAgent: this.userAgent,
      selfCommand: [],
      now: () => new Date(),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      const gone = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGKILL')
      await gone
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}
