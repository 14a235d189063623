import type { LayerInfo } from '../../layers/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { chainIds } from '../../oci/chain-id.ts'
import type { DiffId } from '../../oci/digest.ts'
import type { OnBuildEvent } from '../events.ts'
import type { FileFacts } from '../explain/differences.ts'
import type { StepFacts } from '../explain/step-note.ts'
import type { Op, Vertex } from '../graph.ts'
import type { BuildServices } from '../interfaces.ts'
import type { RunOptions } from '../run-options.ts'
import type { Tree } from '../tree/tree.ts'

/** One layer of a result. `blob` where it came with an image, `time` (seconds since 1970) where a step made it. */
export interface ResultLayer {
  readonly diffId: DiffId
  readonly blob?: Descriptor
  readonly time?: number
  /** Brings a layer into the layer store that a cache elsewhere has. */
  readonly fetch?: () => Promise<void>
}

/** A file system as a stack of layers, base first. */
export interface FilesResult {
  readonly kind: 'files'
  readonly layers: readonly ResultLayer[]
  /** Seconds since 1970: how new the newest of what it was made of is, see `BuildTimes`. */
  readonly time: number
  /** Makes the layers ready that an image brought and nothing needed so far. */
  prepare(options: Abortable): Promise<void>
}

export interface ContextResult {
  readonly kind: 'context'
  readonly tree: Tree
}

export type Result = FilesResult | ContextResult

/** A layer that a step made. */
export interface StepLayer extends LayerInfo {
  /** Of the newest of what it took besides its base, seconds since 1970. */
  readonly time?: number
}

/** Work that makes one layer on top of `base`, unless the cache has it. */
export interface Step {
  readonly kind: 'step'
  readonly base: FilesResult
  /**
   * What the layer depends on, from what is quickest to know to what is most general; each a key of the cache, the last one locked.
   * One that answers undefined does not apply.
   */
  readonly keys: readonly (() => Promise<object | undefined>)[]
  /** What the layer depends on besides the files that the step has, to say later what is different. */
  readonly facts: StepFacts
  /** What each path of the layer is made of, where that is known before it is made. */
  readonly files?: () => Promise<FileFacts>
  run(): Promise<StepLayer>
}

/** What executors share during one build. */
export interface ExecuteContext {
  readonly services: BuildServices
  readonly signal: AbortSignal
  readonly onEvent: OnBuildEvent
  /** What RUN steps get. */
  readonly run: RunOptions
  /** The files of a result, to be read. Owned by the build. */
  open(result: FilesResult): Promise<Tree>
  /** A new folder that goes with the build. */
  scratch(): Promise<string>
  readonly times: BuildTimes
}

/**
 * Where the times in what is built come from, in seconds since 1970. `sources`: no file and no date is newer than the newest of what it
 * was made of, which is the base image's date and the files that were copied. `fixed`: none is newer than `epoch`, which is also the
 * date of all that is new. `clock`: files have the times they have, and dates are those of the day, `now`.
 */
export type BuildTimes =
  | { readonly kind: 'sources' }
  | { readonly kind: 'fixed'; readonly epoch: number }
  | { readonly kind: 'clock'; readonly now: number }

/** What has no time of its own gets this one, in a layer over `base`. */
export const defaultTime = (base: Pick<FilesResult, 'time'>, times: BuildTimes): number =>
  times.kind === 'sources' ? base.time : times.kind === 'fixed' ? times.epoch : times.now

/** The time that no file of a RUN step over `base` may be after. */
export const latestTime = (base: Pick<FilesResult, 'time'>, times: BuildTimes): number =>
  times.kind === 'clock' ? Infinity : defaultTime(base, times)

/** The time that no file may be after that is copied as it is. */
export const latestCopied = (times: BuildTimes): number => (times.kind === 'fixed' ? times.epoch : Infinity)

/** The date of a layer over `base` that took files of the time `taken`. */
export const layerTime = (base: Pick<FilesResult, 'time'>, taken: number | undefined, times: BuildTimes): number =>
  times.kind === 'sources' ? Math.max(base.time, taken ?? base.time) : defaultTime(base, times)

/** How one kind of op is done: either its result is at hand, or it is a step that makes a layer. */
export type Executor<O extends Op> = (
  vertex: Vertex<O>,
  inputs: readonly Result[],
  context: ExecuteContext,
) => Promise<Result | Step>

/** One executor for each kind of op: an op without one does not compile. */
export type Executors = { readonly [K in Op['kind']]: Executor<Extract<Op, { kind: K }>> }

/**
 * The inputs of a step's key, with where times come from, as that is part of what is made. The times of the sources are not: files are
 * the same that differ in nothing else, and the first build's stay.
 */
export const keyOf = (inputs: StepFacts, { times }: Pick<ExecuteContext, 'times'>): StepFacts => {
  if (times.kind === 'sources') return inputs
  return times.kind === 'fixed' ? { ...inputs, latest: times.epoch } : { ...inputs, times: 'clock' }
}

/** What names a file system: the ChainID of its layers, or `scratch`. */
export const chainOf = (result: FilesResult): string => chainIds(result.layers.map((layer) => layer.diffId)).at(-1) ?? 'scratch'
