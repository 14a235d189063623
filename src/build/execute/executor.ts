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
import type { Tree } from '../tree/tree.ts'

/** One layer of a result. `blob` where it came with an image, `createdAt` (RFC 3339) where a step made it. */
export interface ResultLayer {
  readonly diffId: DiffId
  readonly blob?: Descriptor
  readonly createdAt?: string
}

/** A file system as a stack of layers, base first. */
export interface FilesResult {
  readonly kind: 'files'
  readonly layers: readonly ResultLayer[]
  /** Makes the layers ready that an image brought and nothing needed so far. */
  prepare(options: Abortable): Promise<void>
}

export interface ContextResult {
  readonly kind: 'context'
  readonly tree: Tree
}

export type Result = FilesResult | ContextResult

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
  run(): Promise<LayerInfo>
}

/** What executors share during one build. */
export interface ExecuteContext {
  readonly services: BuildServices
  readonly signal: AbortSignal
  readonly onEvent: OnBuildEvent
  /** The files of a result, to be read. Owned by the build. */
  open(result: FilesResult): Promise<Tree>
  /** A new folder that goes with the build. */
  scratch(): Promise<string>
  /** Seconds since 1970: the time of what has no time of its own. */
  readonly time: number
  /** Seconds since 1970 that no file's time may be after. */
  readonly latest: number
}

/** How one kind of op is done: either its result is at hand, or it is a step that makes a layer. */
export type Executor<O extends Op> = (
  vertex: Vertex<O>,
  inputs: readonly Result[],
  context: ExecuteContext,
) => Promise<Result | Step>

/** One executor for each kind of op: an op without one does not compile. */
export type Executors = { readonly [K in Op['kind']]: Executor<Extract<Op, { kind: K }>> }

/** The inputs of a step's key, with the limit on times if there is one: it is part of what is made. */
export const keyOf = (inputs: StepFacts, context: Pick<ExecuteContext, 'latest'>): StepFacts =>
  Number.isFinite(context.latest) ? { ...inputs, latest: context.latest } : inputs

/** What names a file system: the ChainID of its layers, or `scratch`. */
export const chainOf = (result: FilesResult): string => chainIds(result.layers.map((layer) => layer.diffId)).at(-1) ?? 'scratch'
