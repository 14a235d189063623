import { Semaphore } from '../lib/concurrency.ts'
import { throwIfAborted } from '../lib/errors.ts'
import type { Digest } from '../oci/digest.ts'
import { atSourceAsync } from './dockerfile/parse-dockerfile.ts'
import { reportStep } from './events.ts'
import type { BuildCache, CacheRecord } from './cache.ts'
import type { BuildHistory } from './explain/build-history.ts'
import {
  layerTime,
  type ExecuteContext,
  type Executor,
  type Executors,
  type FilesResult,
  type Result,
  type ResultLayer,
  type Step,
} from './execute/executor.ts'
import type { Op, Vertex } from './graph.ts'
import type { CacheTransfer } from './transfer/cache-transfer.ts'
import type { ImportedLayer } from './transfer/imported-caches.ts'

export interface SolveOptions {
  readonly executors: Executors
  readonly context: ExecuteContext
  readonly cache: BuildCache
  /** Caches elsewhere: asked for what `cache` does not have, and told of what there is. */
  readonly transfer: CacheTransfer
  /** What the last build did, to say why steps are done again. */
  readonly history: BuildHistory
  /** Whether results of earlier builds are not used. They are replaced. */
  readonly noCache: boolean
  /** Most steps that work at once. */
  readonly parallelism: number
  /** Called with the first error, so that the rest stops. */
  readonly onFailure: (error: unknown) => void
}

type MadeLayer = ResultLayer & { readonly time: number }

interface StepResult {
  readonly layer: MadeLayer
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

  /** The results of vertices. When something fails, all that is under way has ended before this rejects with the first error. */
  async solve(vertices: readonly Vertex[]): Promise<readonly Result[]> {
    this.#options.history.expect(inOrder(vertices))
    try {
      return await Promise.all(vertices.map((vertex) => this.#result(vertex)))
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
      if (vertex.op.kind === 'image') await this.#noteImage(vertex, vertex.op.manifest)
      return done.kind === 'step' ? await this.#step(vertex, done) : done
    } catch (error) {
      onFailure(error)
      throw error
    }
  }

  async #noteImage(vertex: Vertex, manifest: Digest): Promise<void> {
    const name = vertex.label.replace(/^(?:\[[^\]]*\] )?FROM /, '').replace(`@${manifest}`, '')
    await this.#options.history.note(vertex, { name, manifest }, { outcome: 'cached', result: manifest })
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
    const { base } = step
    const time = Math.max(base.time, layer.time)
    const prepare: FilesResult['prepare'] = async (options) => {
      await base.prepare(options)
      await layer.fetch?.()
    }
    return { kind: 'files', layers: [...base.layers, layer], time, prepare }
  }

  async #layer(vertex: Vertex, step: Step): Promise<StepResult> {
    const { cache, context, history } = this.#options
    const missed: object[] = []
    for (const key of step.keys) {
      throwIfAborted(context.signal)
      const inputs = await key()
      if (inputs === undefined) continue
      const found = await this.#find(vertex, step, inputs, missed)
      if (found !== undefined) return found
      missed.push(inputs)
    }
    return await this.#working.run(async () => {
      const last = missed.at(-1)
      const onWait = (): void =>
        context.onEvent({ kind: 'status', id: vertex.digest, name: 'waiting for another build of this step', done: false })
      await using _lock = await cache.lock(last, { signal: context.signal, onWait })
      const found = await this.#find(vertex, step, last, missed)
      if (found !== undefined) return found
      const reasons = await history.reasons(vertex, step.facts, step.files)
      if (history.known) context.onEvent({ kind: 'explained', id: vertex.digest, reasons })
      try {
        const layer = await this.#make(vertex, step, missed)
        await history.note(vertex, step.facts, { outcome: 'ran', result: layer.diffId, reasons })
        return { layer, cached: false }
      } catch (error) {
        await history.note(vertex, step.facts, { outcome: 'failed', reasons })
        throw error
      }
    })
  }

  /** What the cache has, which is kept for the keys that it did not have too. */
  async #find(vertex: Vertex, step: Step, inputs: unknown, missed: readonly object[]): Promise<StepResult | undefined> {
    const { cache, history, noCache, transfer } = this.#options
    if (noCache) return undefined
    const record = await cache.find(inputs)
    const found = record ?? (await transfer.find(inputs))
    if (found === undefined) return undefined
    const keys = [...missed.filter((other) => other !== inputs), inputs]
    const text = history.shown(vertex.label)
    const keep = async (known: CacheRecord, all: readonly unknown[]): Promise<void> => {
      for (const key of all) await cache.keep({ ...known, inputs: key, step: text })
    }
    transfer.note(keys, found)
    await history.note(vertex, step.facts, { outcome: 'cached', result: found.layer })
    if (record !== undefined) {
      await keep(record, keys.slice(0, -1))
      return { layer: layerOf(record), cached: true }
    }
    const { layer, time } = found
    const fetch = async (): Promise<void> => {
      await (found as ImportedLayer).fetch()
      await keep({ layer, time, createdAt: this.#options.context.services.now().toISOString(), inputs, step: text }, keys)
    }
    let fetched: Promise<void> | undefined
    return { layer: { diffId: layer, time, fetch: () => (fetched ??= fetch()) }, cached: true }
  }

  async #make(vertex: Vertex, step: Step, missed: readonly object[]): Promise<MadeLayer> {
    const { cache, context, history, transfer } = this.#options
    await step.base.prepare({ signal: context.signal })
    const { diffId: layer, time } = await step.run()
    const made = {
      layer,
      time: layerTime(step.base, time, context.times),
      createdAt: context.services.now().toISOString(),
    }
    const files = await step.files?.()
    if (files !== undefined) await cache.keepFiles(layer, files)
    for (const inputs of missed) await cache.keep({ ...made, inputs, step: history.shown(vertex.label) })
    transfer.note(missed, made)
    return layerOf(made)
  }
}

/** Vertices and all that they depend on, each once, inputs first. */
const inOrder = (vertices: readonly Vertex[], seen = new Set<string>()): readonly Vertex[] =>
  vertices.flatMap((vertex) => {
    if (seen.has(vertex.digest)) return []
    seen.add(vertex.digest)
    return [...inOrder(vertex.inputs, seen), vertex]
  })

const layerOf = ({ layer, time }: Pick<CacheRecord, 'layer' | 'time'>): MadeLayer => ({ diffId: layer, time })
