import { Semaphore } from '../lib/concurrency.ts'
import { throwIfAborted } from '../lib/errors.ts'
import { atSourceAsync } from './dockerfile/parse-dockerfile.ts'
import { reportStep } from './events.ts'
import type { BuildCache, CacheRecord } from './cache.ts'
import type { ExecuteContext, Executor, Executors, FilesResult, Result, ResultLayer, Step } from './execute/executor.ts'
import type { Op, Vertex } from './graph.ts'

export interface SolveOptions {
  readonly executors: Executors
  readonly context: ExecuteContext
  readonly cache: BuildCache
  /** Whether results of earlier builds are not used. They are replaced. */
  readonly noCache: boolean
  /** Most steps that work at once. */
  readonly parallelism: number
  /** Called with the first error, so that the rest stops. */
  readonly onFailure: (error: unknown) => void
}

interface StepResult {
  readonly layer: ResultLayer
  readonly cached: boolean
}

/**
 * Solves a graph: inputs before what depends on them, independent steps at once, identical ones once, and none whose result the
 * cache has. It knows nothing of containers or files.
 */
export class Solver {
  readonly #options: SolveOptions
  readonly #results = new Map<string, Promise<Result>>()
  readonly #working: Semaphore

  constructor(options: SolveOptions) {
    this.#options = options
    this.#working = new Semaphore(options.parallelism)
  }

  /** The result of a vertex. When something fails, all that is under way has ended before this rejects with the first error. */
  async solve(vertex: Vertex): Promise<Result> {
    try {
      return await this.#result(vertex)
    } finally {
      await Promise.allSettled(this.#results.values())
    }
  }

  #result(vertex: Vertex): Promise<Result> {
    let result = this.#results.get(vertex.digest)
    if (result === undefined) this.#results.set(vertex.digest, (result = this.#work(vertex)))
    return result
  }

  async #work(vertex: Vertex): Promise<Result> {
    const inputs = await Promise.all(vertex.inputs.map((input) => this.#result(input)))
    const { executors, context, onFailure } = this.#options
    throwIfAborted(context.signal)
    try {
      // the table has for each kind the executor of that kind
      const execute = executors[vertex.op.kind] as Executor<Op>
      const work = async (): Promise<Result | Step> => await execute(vertex, inputs, context)
      const done = vertex.source === undefined ? await work() : await atSourceAsync(vertex.source, work)
      return done.kind === 'step' ? await this.#step(vertex, done) : done
    } catch (error) {
      onFailure(error)
      throw error
    }
  }

  async #step(vertex: Vertex, step: Step): Promise<FilesResult> {
    const { digest: id, label, source } = vertex
    const work = async (): Promise<StepResult> => await this.#layer(vertex, step)
    const { layer } = await reportStep(
      this.#options.context.onEvent,
      { id, label, source },
      async () => (source === undefined ? await work() : await atSourceAsync(source, work)),
      ({ cached }) => cached,
    )
    return { kind: 'files', layers: [...step.base.layers, layer], prepare: (options) => step.base.prepare(options) }
  }

  async #layer(vertex: Vertex, step: Step): Promise<StepResult> {
    const { cache, context, noCache } = this.#options
    const missed: object[] = []
    const keep = async (
      record: Omit<CacheRecord, 'inputs' | 'step'>,
      files?: Readonly<Record<string, string>>,
    ): Promise<void> => {
      for (const [index, inputs] of missed.entries())
        await cache.keep({ ...record, inputs, step: vertex.label }, index === 0 ? files : undefined)
    }
    for (const key of step.keys) {
      throwIfAborted(context.signal)
      const inputs = await key()
      if (inputs === undefined) continue
      const record = noCache ? undefined : await cache.find(inputs)
      if (record !== undefined) {
        await keep(record)
        return { layer: layerOf(record), cached: true }
      }
      missed.push(inputs)
    }
    return await this.#working.run(async () => {
      const last = missed.at(-1)
      const onWait = (): void =>
        context.onEvent({ kind: 'status', id: vertex.digest, name: 'waiting for another build of this step', done: false })
      await using _lock = await cache.lock(last, { signal: context.signal, onWait })
      const record = noCache ? undefined : await cache.find(last)
      if (record !== undefined) {
        await keep(record)
        return { layer: layerOf(record), cached: true }
      }
      await step.base.prepare({ signal: context.signal })
      const { diffId, files } = await step.run()
      const made = { layer: diffId, createdAt: new Date(context.services.now()).toISOString() }
      await keep(made, files)
      return { layer: layerOf(made), cached: false }
    })
  }
}

const layerOf = ({ layer, createdAt }: Pick<CacheRecord, 'layer' | 'createdAt'>): ResultLayer => ({ diffId: layer, createdAt })
