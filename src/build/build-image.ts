import type { Abortable, ByteStream } from '../lib/bytes.ts'
import { collect } from '../lib/bytes.ts'
import { GantryError, throwIfAborted } from '../lib/errors.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { openStack } from '../layers/stack.ts'
import { BuildCache } from './cache.ts'
import type { Dockerfile } from './dockerfile/instruction.ts'
import { parseDockerfile } from './dockerfile/parse-dockerfile.ts'
import { internalStep, type OnBuildEvent } from './events.ts'
import { BuildHistory } from './explain/build-history.ts'
import { buildIdentity } from './explain/build-identity.ts'
import { scrubber } from './explain/secret-names.ts'
import { executeCopy } from './execute/copy.ts'
import { chainOf, type ExecuteContext, type Executors, type FilesResult } from './execute/executor.ts'
import { executeFolder } from './execute/folder.ts'
import { executeContext, executeImage, executeScratch } from './execute/sources.ts'
import { exportImage } from './export-image.ts'
import { createVertex, type ExecOp } from './graph.ts'
import type { BuildServices } from './interfaces.ts'
import { loadContext, type ContextSource, type DockerfileSource, type LoadedContext } from './load-context.ts'
import { planBuild, type ResolvedImage } from './plan/plan.ts'
import type { StageState } from './plan/stage-state.ts'
import { Scratch } from './scratch.ts'
import { Solver } from './solve.ts'
import { StackTree } from './tree/stack-tree.ts'
import type { Tree } from './tree/tree.ts'

export type { BuildEvent, OnBuildEvent } from './events.ts'

export interface BuildImageOptions extends Abortable {
  /** A folder; or a tar, compressed or not, or a Dockerfile alone, as `docker build -` takes them. Default: no context. */
  readonly context?: string | ByteStream
  /**
   * A path on this machine, or in the tar that is the context; or the text from elsewhere. Default: `Dockerfile` in the context, or
   * what the context's stream is.
   */
  readonly dockerfile?: string | ByteStream
  /** Stage to stop at, by name or number. Default: the last. */
  readonly target?: string
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  /** What the image is for. Default: what this machine is. */
  readonly platform?: Platform
  /** Does every step anew. */
  readonly noCache?: boolean
  /** Asks the registry for base images even where they are here. */
  readonly pull?: boolean
  /** Of RUN steps that do not say. Default: the host's. */
  readonly network?: ExecOp['network']
  /** `name:address` lines for /etc/hosts of RUN steps. */
  readonly extraHosts?: readonly string[]
  /** Seconds since 1970: no time in what is built is after it. Default: the build argument SOURCE_DATE_EPOCH, else no limit. */
  readonly sourceDateEpoch?: number
  /** Most steps that work at once. Default 4. */
  readonly parallelism?: number
  readonly onEvent?: OnBuildEvent
}

export interface BuiltImage {
  /** The manifest, in the content store; nothing names it yet. */
  readonly descriptor: Descriptor
  /** The image ID: the config's digest. */
  readonly imageId: Digest
  readonly config: ImageConfig
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
  await using scratch = await Scratch.open(services.scratchFolder)
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
  readonly #owned = new AsyncDisposableStack()

  constructor(options: BuildImageOptions, services: BuildServices, scratch: Scratch, around: Surroundings) {
    this.#options = options
    this.#services = services
    this.#scratch = scratch
    this.#around = around
  }

  async run(): Promise<BuiltImage> {
    await using _owned = this.#owned
    const { signal, onEvent } = this.#around
    const { loaded, dockerfile } = await this.#load()
    const latest = epochOf(this.#options)
    const state = await this.#plan(dockerfile, latest)
    const result = await this.#solve(state, loaded, latest)
    return await internalStep(onEvent, 'exporting to image', async (id) => {
      onEvent({ kind: 'status', id, name: 'exporting layers', done: false })
      const { descriptor, config, imageId } = await exportImage(state, result.layers, this.#services, {
        signal,
        ...(latest === undefined ? {} : { latest }),
      })
      onEvent({ kind: 'status', id, name: 'exporting layers', done: true })
      onEvent({ kind: 'status', id, name: `writing image ${imageId}`, done: true })
      return { descriptor, imageId, config }
    })
  }

  async #load(): Promise<{ readonly loaded: LoadedContext; readonly dockerfile: Dockerfile }> {
    const { signal, onEvent } = this.#around
    const { context, dockerfile } = this.#options
    const loaded = await internalStep(onEvent, '[internal] load build definition from Dockerfile', async (id) => {
      const loaded = await loadContext(contextSource(context), await dockerfileSource(dockerfile, context), this.#scratch, {
        signal,
      })
      const size = Buffer.byteLength(loaded.dockerfile.text)
      onEvent({ kind: 'status', id, name: 'transferring dockerfile', current: size, total: size, done: true })
      return loaded
    })
    const parsed = parseDockerfile(loaded.dockerfile.text, loaded.dockerfile.name)
    for (const { message, range } of parsed.warnings) onEvent({ kind: 'warning', message, source: range })
    if (parsed.syntax !== undefined && !/^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@].*)?$/.test(parsed.syntax))
      onEvent({ kind: 'warning', message: `the frontend "${parsed.syntax}" is not used: gantry reads the Dockerfile itself` })
    return { loaded, dockerfile: parsed }
  }

  #plan(dockerfile: Dockerfile, latest: number | undefined): Promise<StageState> {
    const { target, buildArgs = {}, labels = {}, platform, network = 'default', extraHosts = [] } = this.#options
    const buildArguments = latest === undefined ? buildArgs : { ...buildArgs, SOURCE_DATE_EPOCH: String(latest) }
    return planBuild(dockerfile, {
      buildArguments,
      labels,
      network,
      extraHosts,
      buildPlatform: this.#services.platform,
      signal: this.#around.signal,
      context: createVertex({ kind: 'context' }, [], { label: '[internal] load build context' }),
      resolveImage: (reference, platform) => this.#resolve(reference, platform),
      ...(target === undefined ? {} : { target }),
      ...(platform === undefined ? {} : { platform }),
    })
  }

  async #resolve(reference: string, platform: Platform): Promise<ResolvedImage> {
    const name = formatReference(withDefaultTag(parseReference(reference)))
    const { signal, onEvent } = this.#around
    const pull = this.#options.pull ?? false
    return await internalStep(
      onEvent,
      `[internal] load metadata for ${name}`,
      async () => await this.#services.resolveImage(name, { platform, pull, signal }),
    )
  }

  async #solve(state: StageState, loaded: LoadedContext, latest: number | undefined): Promise<FilesResult> {
    const { noCache = false, parallelism = 4 } = this.#options
    const { stop } = this.#around
    let failure: { readonly error: unknown } | undefined
    const cache = new BuildCache({ folder: this.#services.cacheFolder, hasLayer: (id) => this.#services.layers.has(id) })
    const history = await this.#history(cache)
    const solver = new Solver({
      executors: this.#executors(loaded),
      context: this.#executeContext(latest),
      cache,
      history,
      noCache,
      parallelism,
      onFailure: (error) => {
        failure ??= { error }
        stop.abort(new GantryError('canceled', 'CANCELED', 'Canceled: another step has failed', { cause: error }))
      },
    })
    try {
      const result = await solver.solve(state.files)
      await history.save(this.#services.now().toISOString(), true)
      if (result.kind === 'files') return result
      throw new GantryError('internal', 'NO_FILES', 'Cannot build: the result is no file system')
    } catch (error) {
      // an explanation less is no reason to hide what failed
      await history.save(this.#services.now().toISOString(), false).catch(() => undefined)
      throw failure?.error ?? error
    }
  }

  async #history(cache: BuildCache): Promise<BuildHistory> {
    const { noCache = false, buildArgs = {} } = this.#options
    return await BuildHistory.open({
      folder: cache.historyFolder,
      identity: buildIdentity(this.#options, this.#services.platform),
      noCache,
      filesOf: (layer) => cache.filesOf(layer),
      scrub: scrubber(buildArgs),
    })
  }

  #executors(loaded: LoadedContext): Executors {
    const { onEvent } = this.#around
    const context = async (): Promise<Tree> => await internalStep(onEvent, '[internal] load build context', loaded.tree)
    return {
      scratch: executeScratch,
      image: executeImage,
      context: executeContext(context),
      copy: executeCopy,
      folder: executeFolder,
      // what runs containers is only loaded by builds that do
      exec: async (...step) => await (await import('./execute/exec.ts')).executeExec(...step),
    }
  }

  #executeContext(latest: number | undefined): ExecuteContext {
    const now = Math.floor(this.#services.now().getTime() / 1000)
    return {
      services: this.#services,
      signal: this.#around.signal,
      onEvent: this.#around.onEvent,
      open: (result) => this.#open(result),
      scratch: () => this.#scratch.make(),
      time: Math.min(now, latest ?? now),
      latest: latest ?? Infinity,
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

const contextSource = (context: string | ByteStream | undefined): ContextSource =>
  context === undefined
    ? { kind: 'none' }
    : typeof context === 'string'
      ? { kind: 'folder', path: context }
      : { kind: 'stream', bytes: context }

const dockerfileLimit = 16 * 1024 * 1024

const dockerfileSource = async (
  dockerfile: BuildImageOptions['dockerfile'],
  context: BuildImageOptions['context'],
): Promise<DockerfileSource> => {
  if (dockerfile === undefined) return { kind: 'context', path: 'Dockerfile' }
  if (typeof dockerfile === 'string') {
    const inside = context !== undefined && typeof context !== 'string'
    return { kind: inside ? 'context' : 'file', path: dockerfile }
  }
  return { kind: 'text', text: (await collect(dockerfile, dockerfileLimit, 'the Dockerfile')).toString('utf8') }
}

/** The limit on times: an option, or the build argument by which reproducible builds go by custom. */
const epochOf = ({ sourceDateEpoch, buildArgs }: BuildImageOptions): number | undefined => {
  if (sourceDateEpoch !== undefined) return sourceDateEpoch
  const given = buildArgs?.['SOURCE_DATE_EPOCH']
  if (given === undefined || given === '') return undefined
  if (/^\d{1,12}$/.test(given)) return Number(given)
  throw new GantryError('invalid_argument', 'EPOCH_INVALID', `Cannot build: invalid SOURCE_DATE_EPOCH: ${given}`, {
    hint: 'give seconds since 1970',
  })
}
