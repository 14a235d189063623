import { execFile } from 'node:child_process'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DiffId } from '../../src/oci/digest.ts'
import { parseImageConfig, type ImageConfig } from '../../src/oci/image-config.ts'
import { podmanCommand, sh } from '../support.ts'
import type { Corpus } from './fixtures.ts'
import type { CorpusRow } from './row.ts'

const run = promisify(execFile)

/** buildah with a store of its own below a folder, for the files that it makes of a row. Its configs differ from docker's. */
export class Buildah {
  readonly #corpus: Corpus
  readonly #folder: string
  readonly #store: readonly string[]
  readonly #environment: NodeJS.ProcessEnv

  private constructor(corpus: Corpus, folder: string, store: readonly string[], environment: NodeJS.ProcessEnv) {
    this.#corpus = corpus
    this.#folder = folder
    this.#store = store
    this.#environment = environment
  }

  static async open(corpus: Corpus, folder: string): Promise<Buildah> {
    const { environment } = podmanCommand(folder)
    const [root, runroot] = [join(folder, 'root'), join(folder, 'run')]
    const store = ['--root', root, '--runroot', runroot, '--storage-driver', 'overlay']
    for (const { name } of corpus.fixtures) {
      const from = `oci:${corpus.builds.content.folder}:docker.io/library/${name}:latest`
      sh(
        ['skopeo', 'copy', '-q', from, `containers-storage:[overlay@${root}+${runroot}]docker.io/library/${name}:latest`],
        environment,
      )
    }
    return new Buildah(corpus, folder, store, environment)
  }

  /** The image of a row, its layers in the store of the corpus. */
  async build(name: string, row: CorpusRow): Promise<{ readonly config: ImageConfig }> {
    const context = await this.#corpus.context(row)
    const flags = [
      ...Object.entries(row.buildArgs ?? {}).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
      ...(row.target === undefined ? [] : ['--target', row.target]),
      ...(row.dockerfile === undefined ? [] : ['-f', join(context, row.dockerfile)]),
    ]
    const image = `corpus:${name}`
    await this.#buildah('bud', '-q', '--isolation', 'chroot', '--layers', '-t', image, ...flags, context)
    const archive = join(this.#folder, name)
    await mkdir(archive)
    await this.#buildah('push', '-q', image, `docker-archive:${archive}.tar:${image}`)
    await run('tar', ['-xf', `${archive}.tar`, '-C', archive])
    try {
      return { config: await this.#read(archive) }
    } finally {
      for (const path of [archive, `${archive}.tar`]) await rm(path, { recursive: true })
    }
  }

  async #read(archive: string): Promise<ImageConfig> {
    const [manifest] = JSON.parse(await readFile(join(archive, 'manifest.json'), 'utf8')) as readonly {
      readonly Config: string
      readonly Layers: readonly string[]
    }[]
    const config = parseImageConfig(await readFile(join(archive, manifest?.Config ?? '')))
    for (const [index, layer] of (manifest?.Layers ?? []).entries()) {
      const bytes = createReadStream(join(archive, layer)) as AsyncIterable<Buffer>
      await this.#corpus.builds.layers.add(config.rootfs.diff_ids[index] as DiffId, bytes)
    }
    return config
  }

  async #buildah(verb: string, ...args: readonly string[]): Promise<void> {
    await run('buildah', [...this.#store, verb, ...args], { env: this.#environment })
  }
}
