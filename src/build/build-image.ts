import { join } from 'node:path'
import type { Abortable, ByteStream } from '../lib/bytes.ts'
import { GantryError, throwIfAborted } from '../lib/errors.ts'
import { KeyedMutex } from '../lib/keyed-mutex.ts'
import type { Platform } from '../oci/descriptor.ts'
import { platformOf } from '../oci/image-config.ts'
import { formatPlatform } from '../oci/platform.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { openStack } from '../layers/stack.ts'
import type { BuildMaterial } from './build-material.ts'
import { buildCache } from './cache.ts'
import { contextSource, dockerfileSource } from './context-source.ts'
import type { Dockerfile } from './dockerfile/instruction.ts'
import { parseDockerfile } from './dockerfile/parse-dockerfile.ts'
import { buildTimes, epochArgument, epochSource } from './epoch.ts'
import { internalStep, type OnBuildEvent } from './events.ts'
import { openHistory } from './explain/open-history.ts'
import { executeCopy } from './execute/copy.ts'
import { chainOf, type BuildTimes, type ExecuteContext, type Executors, type FilesResult } from './execute/executor.ts'
import { executeFolder } from './execute/folder.ts'
import { executeContext, executeGit, executeHttp, executeImage, executeScratch } from './execute/sources.ts'
import { exportPlatforms, type ExportedImages } from './export-platforms.ts'
import { distinctPlatforms, type Frontend, type PlannedBuild } from './frontend.ts'
import { createVertex, hashOf, type ExecOp, type Vertex } from './graph.ts'
import type { BuildServices } from './interfaces.ts'
import { DockerfileLint } from './lint/dockerfile-lint.ts'
import { loadContext, loadFiles, type LoadedContext } from './load-context.ts'
import { NamedContexts } from './plan/named-contexts.ts'
import { planBuild, type ResolvedImage } from './plan/plan.ts'
import type { RunOptions } from './run-options.ts'
import type { StageState } from './plan/stage-state.ts'
import { containerPrefix, Scratch } from './scratch.ts'
import { Solver } from './solve.ts'
import type { SquashRange } from './squash.ts'
import { CacheTransfer, type CacheTransferOptions } from './transfer/cache-transfer.ts'
import { KnownDigests } from './tree/known-digests.ts'
import { StackTree } from './tree/stack-tree.ts'
import type { Tree } from './tree/tree.ts'

export type { BuildEvent, OnBuildEvent } from './events.ts'
export type { BuildMaterial } from './build-material.ts'
export type { BuiltPlatform } from './export-platforms.ts'

export interface BuildImageOptions extends Abortable, CacheTransferOptions {
  /**
   * A folder, an archive, the URL of an archive or of a git repository; or a tar, compressed or not, or a Dockerfile alone, as
   * `docker build -` takes them. Default: no context.
   */
  readonly context?: string | ByteStream
  /**
   * A path on this machine, or in the archive or repository that is the context; an URL; or the text from elsewhere. Default:
   * `Dockerfile` in the context, or what the context's stream is.
   */
  readonly dockerfile?: string | ByteStream
  /** What is in the place of stages and images, by name: paths, URLs, `docker-image://…`, `oci-layout://…`, `target:STAGE`. */
  readonly contexts?: Readonly<Record<string, string>>
  /** Stage to stop at, by name or number. Default: the last. */
  readonly target?: string
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  /** What the image is for; several make an index. Default: what this machine is. */
  readonly platforms?: readonly Platform[]
  /** Does every step anew. */
  readonly noCache?: boolean
  /** Asks the registry for base images even where they are here. */
  readonly pull?: boolean
  /** Of RUN steps that do not say. Default: the host's. */
  readonly network?: ExecOp['network']
  /** `name:address` lines for /etc/hosts of RUN steps. */
  readonly extraHosts?: readonly string[]
  /** What RUN steps get and may do. */
  readonly run?: RunOptions
  /** `clock`: dates are those of the day, and files of RUN steps have the times that they have; by default see `BuildTimes`. */
  readonly times?: 'clock'
  /** Which layers become one. */
  readonly squash?: SquashRange
  /** Builds this instead of a Dockerfile. */
  readonly frontend?: Frontend
  /** Most steps that work at once. Default 4. */
  readonly parallelism?: number
  readonly onEvent?: OnBuildEvent
}

export interface BuiltImage extends ExportedImages {
  /** The Dockerfile's name, in the context or of the file. */
  readonly dockerfile: string
  readonly materials: readonly BuildMaterial[]
  /** What each platform's image is the result of. */
  readonly vertices: readonly Vertex[]
}

/**
 * Builds an image from a Dockerfile. Steps whose result is known are not done again, steps that do not depend on each other are done
 * at once. The caller keeps the result from being collected by a lease taken before, and names it. Nothing of a build that fails or is
 * aborted stays, but the results of the steps that were done. Errors of the Dockerfile and of its steps have a `SourceDetail`.
 */
export const buildImage = async (options: BuildImageOptions, services: BuildServices): Promise<BuiltImage> => {
  const { onEvent = () => undefined } = options
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  throwIfAborted(signal)
  await using _lease = await services.content.lease()
  await using scratch = await Scratch.open(
    services.scratchFolder,
    async (name) => await services.killSteps?.(containerPrefix(name)),
  )
  try {
    return await new Build(options, services, scratch, { stop, signal, onEvent }).run()
  } catch (error) {
    // whatever it was that noticed first
    throwIfAborted(options.signal)
    throw error
  }
}

interface Surroundings {
  readonly stop: AbortController
  readonly signal: AbortSignal
  readonly onEvent: OnBuildEvent
}

/** One build while it is under way. */
class Build {
  readonly #options: BuildImageOptions
  readonly #services: BuildServices
  readonly #scratch: Scratch
  readonly #around: Surroundings
  readonly #trees = new Map<string, Promise<Tree>>()
  readonly #resolving = new KeyedMutex()
  readonly #materials = new Map<string, BuildMaterial>()
  readonly #owned = new AsyncDisposableStack()
  readonly #lint: DockerfileLint
  readonly #transfer: CacheTransfer
  readonly #contexts: NamedContexts

  constructor(options: BuildImageOptions, services: BuildServices, scratch: Scratch, around: Surroundings) {
    const { buildArgs = {} } = options
    this.#lint = new DockerfileLint({
      buildArguments: buildArgs,
      onWarning: (warning) => around.onEvent({ kind: 'lint', warning }),
    })
    this.#contexts = new NamedContexts(options.contexts)
    this.#options = options
    this.#services = services
    this.#scratch = scratch
    this.#around = around
    this.#transfer = new CacheTransfer(options, services, around)
  }

  async run(): Promise<BuiltImage> {
    await using _owned = this.#owned
    const { images: planned, tree, times, dockerfile } = await this.#planned()
    const files = planned.map((image) => image.files)
    const results = await this.#solve(files, tree, times)
    const { signal, onEvent } = this.#around
    const { squash } = this.#options
    const built = planned.flatMap((state, index) => {
      const result = results[index]
      return result === undefined ? [] : [{ state, result }]
    })
    const images = await exportPlatforms(built, this.#services, {
      signal,
      onEvent,
      cache: buildCache(this.#services),
      fieldsOf: (result) => this.#transfer.fields(result),
      ...(squash === undefined ? {} : { squash }),
    })
    await this.#transfer.export(results)
    return { ...images, dockerfile, materials: [...this.#materials.values()], vertices: files }
  }

  /** What is to be built, by a frontend or by the Dockerfile. */
  async #planned(): Promise<PlannedBuild & { readonly times: BuildTimes; readonly dockerfile: string }> {
    const { frontend, platforms } = this.#options
    if (frontend !== undefined) {
      const planned = await frontend.plan({
        ...this.#around,
        platforms: distinctPlatforms(platforms, this.#services.platform),
        resolveImage: (reference, platform) => this.#resolve(reference, platform),
        digestsOf: (root) => this.#digestsOf(root),
      })
      return { ...planned, times: { kind: 'sources' }, dockerfile: '' }
    }
    const { loaded, dockerfile } = await this.#load()
    const epoch = await this.#epoch(dockerfile, loaded)
    const states = await this.#plan(dockerfile, epoch, this.#options.target, this.#lint)
    this.#lint.end()
    const images = epoch === undefined ? states : states.map((state) => ({ ...state, epoch }))
    return {
      images,
      tree: this.#contextsOf(loaded),
      times: buildTimes(epoch, this.#options.times, this.#services.now),
      dockerfile: loaded.dockerfile.name,
    }
  }

  #contextsOf(loaded: LoadedContext): PlannedBuild['tree'] {
    const { onEvent } = this.#around
    return async (name) =>
      name === undefined
        ? await internalStep(onEvent, '[internal] load build context', loaded.tree)
        : await internalStep(onEvent, `[context ${name}] load from client`, async () => await this.#namedFiles(name))
  }

  /** What is known of the files of a folder, to be kept for the next build however this one ends. */
  #digestsOf(root: string): KnownDigests {
    const { cacheFolder, now } = this.#services
    const digests = KnownDigests.open(join(cacheFolder, 'contexts', hashOf(root)), now)
    this.#owned.defer(async () => await digests.save())
    return digests
  }

  async #load(): Promise<{ readonly loaded: LoadedContext; readonly dockerfile: Dockerfile }> {
    const { signal, onEvent } = this.#around
    const { context, dockerfile } = this.#options
    const loaded = await internalStep(onEvent, '[internal] load build definition from Dockerfile', async (id) => {
      const loaded = await loadContext(contextSource(context), await dockerfileSource(dockerfile, context), this.#scratch, {
        signal,
        digestsOf: (root) => this.#digestsOf(root),
        sources: this.#services.sources,
        onEvent,
        id,
      })
      const size = Buffer.byteLength(loaded.dockerfile.text)
      onEvent({ kind: 'status', id, name: 'transferring dockerfile', current: size, total: size, done: true })
      return loaded
    })
    const parsed = parseDockerfile(loaded.dockerfile.text, loaded.dockerfile.name, this.#lint)
    this.#lint.ignore(await loaded.ignored())
    if (parsed.syntax !== undefined && !/^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@].*)?$/.test(parsed.syntax))
      onEvent({ kind: 'warning', message: `the frontend "${parsed.syntax}" is not used: gantry reads the Dockerfile itself` })
    return { loaded, dockerfile: parsed }
  }

  /** SOURCE_DATE_EPOCH as a number; what a local folder's is, is not known (BuildKit docs/build-repro.md). */
  async #epoch(dockerfile: Dockerfile, loaded: LoadedContext): Promise<number | undefined> {
    const source = epochSource(this.#options.buildArgs ?? {}, dockerfile)
    switch (source?.kind) {
      case undefined:
        return undefined
      case 'number':
        return source.seconds
      case 'context':
        return loaded.time
      case 'stage': {
        const states = await this.#plan(dockerfile, undefined, source.name)
        const results = await this.#solve(
          states.map((state) => state.files),
          this.#contextsOf(loaded),
          { kind: 'sources' },
          source.name,
        )
        return Math.max(...results.map((result) => result.time))
      }
    }
  }

  /** The state that each platform ends in; what is wrong for one is said once. */
  async #plan(
    dockerfile: Dockerfile,
    epoch: number | undefined,
    target = this.#options.target,
    lint?: DockerfileLint,
  ): Promise<readonly StageState[]> {
    const { buildArgs = {}, labels = {}, platforms, network = 'default', extraHosts = [], run = {} } = this.#options
    const buildArguments =
      Object.hasOwn(buildArgs, epochArgument) || epoch !== undefined
        ? { ...buildArgs, [epochArgument]: epoch === undefined ? '' : String(epoch) }
        : buildArgs
    const options = {
      buildArguments,
      labels,
      network,
      extraHosts,
      run,
      buildPlatform: this.#services.platform,
      signal: this.#around.signal,
      context: createVertex({ kind: 'context' }, [], { label: '[internal] load build context' }),
      contexts: this.#contexts,
      resolveImage: (reference: string, platform: Platform) => this.#resolve(reference, platform),
      ...(target === undefined ? {} : { target }),
    }
    const distinct = distinctPlatforms(platforms)
    const linted = lint === undefined ? {} : { observer: lint }
    if (distinct.length === 0) return [await planBuild(dockerfile, { ...options, ...linted })]
    const showPlatform = distinct.length > 1
    return await Promise.all(
      distinct.map((platform, index) =>
        planBuild(dockerfile, { ...options, platform, showPlatform, ...(index === 0 ? linted : {}) }),
      ),
    )
  }

  async #resolve(reference: string, platform: Platform): Promise<ResolvedImage> {
    const name = reference.startsWith('oci-layout://') ? reference : formatReference(withDefaultTag(parseReference(reference)))
    const { signal, onEvent } = this.#around
    const pull = this.#options.pull ?? false
    const several = (this.#options.platforms ?? []).length > 1
    const label = `[internal] load metadata for ${name}${several ? ` for ${formatPlatform(platform)}` : ''}`
    const resolve = async (): Promise<ResolvedImage> => {
      const image = await this.#services.resolveImage(name, { platform, pull, signal })
      const { digest } = image.image.descriptor
      this.#materials.set(`${name} ${digest}`, { name, digest, platform: platformOf(image.image.config) })
      return image
    }
    // an image that is pulled for two platforms has one name
    return await this.#resolving.run(name, async () => await internalStep(onEvent, label, resolve))
  }

  async #solve(
    vertices: readonly Vertex[],
    tree: PlannedBuild['tree'],
    times: BuildTimes,
    target = this.#options.target,
  ): Promise<readonly FilesResult[]> {
    const { noCache = false, parallelism = 4 } = this.#options
    const { stop } = this.#around
    let failure: { readonly error: unknown } | undefined
    const cache = buildCache(this.#services)
    const history = await openHistory({ ...this.#options, ...(target === undefined ? {} : { target }) }, this.#services, cache)
    const solver = new Solver({
      executors: this.#executors(tree),
      context: this.#executeContext(times),
      cache,
      transfer: this.#transfer,
      history,
      noCache,
      parallelism,
      onFailure: (error) => {
        failure ??= { error }
        stop.abort(new GantryError('canceled', 'CANCELED', 'Canceled: another step has failed', { cause: error }))
      },
    })
    try {
      const results = await solver.solve(vertices)
      await history.save(this.#services.now().toISOString(), true)
      return results.map((result) => {
        if (result.kind === 'files') return result
        throw new GantryError('internal', 'NO_FILES', 'Cannot build: the result is no file system')
      })
    } catch (error) {
      // an explanation less is no reason to hide what failed
      await history.save(this.#services.now().toISOString(), false).catch(() => undefined)
      throw failure?.error ?? error
    }
  }

  #executors(tree: PlannedBuild['tree']): Executors {
    return {
      scratch: executeScratch,
      image: executeImage,
      context: executeContext(tree),
      http: executeHttp,
      git: executeGit,
      copy: executeCopy,
      folder: executeFolder,
      // what runs containers is only loaded by builds that do
      exec: async (...step) => await (await import('./execute/exec.ts')).executeExec(...step),
    }
  }

  /** A folder or an archive in the place of a stage or an image, without what its own .dockerignore leaves out. */
  async #namedFiles(name: string): Promise<Tree> {
    const { signal } = this.#around
    const path = this.#contexts.folders.get(name) ?? ''
    const digestsOf = (root: string): KnownDigests => this.#digestsOf(root)
    return await loadFiles(path, this.#scratch, { signal, digestsOf, sources: this.#services.sources })
  }

  #executeContext(times: BuildTimes): ExecuteContext {
    return {
      times,
      services: this.#services,
      signal: this.#around.signal,
      onEvent: this.#around.onEvent,
      run: this.#options.run ?? {},
      open: (result) => this.#open(result),
      scratch: () => this.#scratch.make(),
    }
  }

  /** The files of a result, opened once however many steps read them. */
  #open(result: FilesResult): Promise<Tree> {
    const chain = chainOf(result)
    let tree = this.#trees.get(chain)
    if (tree === undefined) this.#trees.set(chain, (tree = this.#openStack(result)))
    return tree
  }

  async #openStack(result: FilesResult): Promise<Tree> {
    await result.prepare({ signal: this.#around.signal })
    const readers = []
    for (const { diffId } of result.layers) readers.push(this.#owned.use(await this.#services.layers.open(diffId)))
    return new StackTree(openStack(readers))
  }
}
