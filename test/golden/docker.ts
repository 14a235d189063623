import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ByteStream } from '../../src/lib/bytes.ts'
import { parseImageConfig } from '../../src/oci/image-config.ts'
import { dropFolder, sh, stop } from '../support.ts'
import { describeImage } from './describe.ts'
import type { Corpus } from './fixtures.ts'
import type { CorpusRow, CorpusRows } from './row.ts'

const bridge = `gbt${process.pid % 100_000}`
/** Debian's, whose `build` uses the daemon's own BuildKit. */
const program = '/usr/bin/docker'

/** A docker daemon of its own, on a bridge of its own, so that no other daemon is disturbed. */
export class Docker implements AsyncDisposable {
  readonly #folder: string
  readonly #process: ChildProcess
  readonly environment: NodeJS.ProcessEnv

  private constructor(folder: string, process: ChildProcess, environment: NodeJS.ProcessEnv) {
    this.#folder = folder
    this.#process = process
    this.environment = environment
  }

  static async start(folder: string): Promise<Docker> {
    await mkdir(folder)
    sh(['ip', 'link', 'add', bridge, 'type', 'bridge'])
    sh(['ip', 'addr', 'add', '172.29.78.1/24', 'dev', bridge])
    sh(['ip', 'link', 'set', bridge, 'up'])
    const host = `unix://${folder}/docker.sock`
    const folders = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '-p', join(folder, 'pid')]
    const child = spawn('dockerd', [...folders, '-H', host, '--storage-driver', 'overlay2', `--bridge=${bridge}`], {
      stdio: 'ignore',
    })
    const environment = { ...process.env, DOCKER_HOST: host, DOCKER_BUILDKIT: '1', DOCKER_CONFIG: folder }
    const docker = new Docker(folder, child, environment)
    for (let attempt = 0; spawnSync(program, ['version'], { env: environment }).status !== 0; attempt++) {
      if (attempt === 200) {
        await docker[Symbol.asyncDispose]()
        throw new Error('dockerd did not start')
      }
      await sleep(100)
    }
    return docker
  }

  /** Runs docker to its end, whatever that is. */
  async run(args: readonly string[], input?: ByteStream): Promise<{ readonly status: number; readonly output: string }> {
    const child = spawn(program, args, { env: this.environment, stdio: ['pipe', 'pipe', 'pipe'] })
    const output: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => output.push(chunk))
    const ended = new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (status) => resolve(status ?? 128))
    })
    if (input === undefined) child.stdin.end()
    else await pipeline(input, child.stdin)
    return { status: await ended, output: Buffer.concat(output).toString() }
  }

  async must(args: readonly string[], input?: ByteStream): Promise<string> {
    const { status, output } = await this.run(args, input)
    if (status !== 0) throw new Error(`docker ${args.join(' ')} ended with ${status}: ${output}`)
    return output
  }

  /** What docker makes of rows that no peer is needed to write: their descriptions, or how it refuses them. */
  async describe(corpus: Corpus, rows: CorpusRows): Promise<ReadonlyMap<string, readonly string[]>> {
    await this.must(['load'], corpus.archive())
    const asked = Object.entries(rows).filter(([, row]) => row.written === undefined)
    const described = new Map<string, readonly string[]>()
    const made: string[] = []
    const queue = asked.values()
    const work = async (): Promise<void> => {
      for (const [name, row] of queue) {
        const refusal = await this.#build(corpus, name, row)
        if (refusal === undefined) made.push(name)
        else described.set(name, [refusal])
      }
    }
    await Promise.all([work(), work(), work(), work()])
    for (const [name, lines] of await this.#saved(corpus, made)) described.set(name, lines)
    return new Map(asked.map(([name]) => [name, described.get(name) ?? []]))
  }

  async #build(corpus: Corpus, name: string, row: CorpusRow): Promise<string | undefined> {
    const context = await corpus.context(row)
    const flags = [
      ...Object.entries(row.buildArgs ?? {}).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
      ...Object.entries(row.labels ?? {}).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ...(row.target === undefined ? [] : ['--target', row.target]),
      ...(row.dockerfile === undefined ? [] : ['-f', join(context, row.dockerfile)]),
    ]
    const input = row.piped ? (createReadStream(join(context, 'Dockerfile')) as ByteStream) : undefined
    const { status, output } = await this.run(
      ['build', '-q', '--network', 'none', '-t', imageName(name), ...flags, row.piped ? '-' : context],
      input,
    )
    return status === 0 ? undefined : `refused: ${reasonOf(output)}`
  }

  /** Describes images out of one archive that holds them all. */
  async #saved(corpus: Corpus, names: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const archive = join(corpus.builds.root, 'saved')
    await mkdir(archive)
    await this.must(['save', '-o', `${archive}.tar`, ...names.map(imageName)])
    sh(['tar', '-xf', `${archive}.tar`, '-C', archive])
    const manifest = JSON.parse(await readFile(join(archive, 'manifest.json'), 'utf8')) as readonly {
      readonly Config: string
      readonly Layers: readonly string[]
      readonly RepoTags: readonly string[]
    }[]
    const described = new Map<string, readonly string[]>()
    for (const { Config, Layers, RepoTags } of manifest) {
      const config = parseImageConfig(await readFile(join(archive, Config)))
      const layer = async (index: number): Promise<ByteStream> =>
        (await open(join(archive, Layers[index] ?? ''))).createReadStream() as AsyncIterable<Buffer>
      const lines = await describeImage({ config, layer }, corpus.fixtures)
      for (const tag of RepoTags) described.set(tag.replace(/^corpus:/, ''), lines)
    }
    return described
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.#process)
    spawnSync('ip', ['link', 'del', bridge])
    dropFolder(this.#folder)
  }
}

const imageName = (row: string): string => `corpus:${row}`

/** The last line of what docker said, without what is different each time. */
const reasonOf = (output: string): string =>
  (output.trim().split('\n').at(-1) ?? '')
    .replace(/^failed to solve with frontend dockerfile\.v0: /, '')
    .replaceAll(/\/\S*buildkit-mount\d+/g, '')
    .replaceAll(/\b\w{25}::\w{25}\b|sha256:\w{64}/g, '…')
