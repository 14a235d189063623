import { streamOf, type Abortable, type ByteStream } from '../lib/bytes.ts'
import { Semaphore } from '../lib/concurrency.ts'
import { throwIfAborted } from '../lib/errors.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { isNonDistributable } from '../oci/media-type.ts'
import { copyBlob } from './copy/copy-blob.ts'
import { planAll, planSelection, settleSparse, type Node, type SparsePolicy } from './copy/plan.ts'
import type { ContentSource, CopyEvent, ImageSink, ImageSource, WholeSink } from './interfaces.ts'
import { isSmallBlobReader } from './read-blob.ts'
import { selectImage, type PlatformOptions } from './select.ts'

export interface CopyOptions extends Abortable {
  /** What to copy, as the source understands it, or its descriptor. */
  readonly from: string | Descriptor
  /** The names it gets in the sink; none: it is only stored. */
  readonly to?: string | readonly string[]
  /** The one image of an index to copy; default `all`: every manifest of it, attestations too. */
  readonly platform?: Platform | 'all'
  /** With a platform: see PlatformOptions. */
  readonly fallback?: PlatformOptions['fallback']
  /** With a platform: `keep` (default) stores the index too, which is sparse then, and names it; `drop` names the image itself. */
  readonly index?: 'keep' | 'drop'
  /** With `all`: what to do if the source lacks some of the manifests; default `refuse`, before anything is copied. */
  readonly sparse?: SparsePolicy
  /** Copy layers that their media type says may not be distributed; default false, with a warning. */
  readonly nonDistributable?: boolean
  /** Blobs under way at a time; default 4. */
  readonly limit?: number
  /** How long a blob is under way: until it is stored (default), or until its bytes have come, so that none waits for the disk. */
  readonly until?: 'stored' | 'received'
  readonly onEvent?: (event: CopyEvent) => void
}

/**
 * Copies an image or an index from any source into any sink, and answers the descriptor that the names point at. Everything is
 * verified against its digest, what the sink has is skipped, and the order is such that whatever is in the sink is whole: blobs, then
 * their manifest, then indexes, names last. The first error ends the whole copy and is the one that is thrown; blobs that were
 * complete by then stay.
 */
export const copy = async (source: ImageSource, sink: ImageSink, options: CopyOptions): Promise<Descriptor> => {
  const job = new CopyJob(source, sink, options)
  return await job.run()
}

class CopyJob {
  readonly #source: ImageSource
  readonly #sink: ImageSink
  readonly #options: CopyOptions
  readonly #abort = new AbortController()
  readonly #abortable: { readonly signal: AbortSignal }
  readonly #slots: Semaphore
  readonly #begun = new Map<Digest, Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(source: ImageSource, sink: ImageSink, options: CopyOptions) {
    this.#source = source
    this.#sink = sink
    this.#options = options
    this.#slots = new Semaphore(options.limit ?? 4)
    const signals = options.signal === undefined ? [] : [options.signal]
    this.#abortable = { signal: AbortSignal.any([this.#abort.signal, ...signals]) }
  }

  async run(): Promise<Descriptor> {
    const { from, to = [] } = this.#options
    throwIfAborted(this.#abortable.signal)
    const root = typeof from === 'string' ? await this.#source.resolve(from, this.#abortable) : from
    this.#emit({ kind: 'resolved', reference: typeof from === 'string' ? from : from.digest, descriptor: root })
    const node = await this.#plan(root)
    await this.#copy(node).catch((error: unknown) => {
      throw this.#failure === undefined ? error : this.#failure.error
    })
    for (const reference of typeof to === 'string' ? [to] : to) {
      await this.#sink.tag(reference, node.descriptor, this.#abortable)
      this.#emit({ kind: 'tagged', reference, descriptor: node.descriptor })
    }
    return node.descriptor
  }

  #emit(event: CopyEvent): void {
    this.#options.onEvent?.(event)
  }

  async #plan(root: Descriptor): Promise<Node> {
    const { platform = 'all', fallback = false, index = 'keep', sparse = 'refuse' } = this.#options
    const documents = preferring(this.#sink, this.#source)
    if (platform !== 'all')
      return planSelection(await selectImage(documents, root, { platform, fallback, ...this.#abortable }), index === 'keep')
    const { node, warning } = settleSparse(await planAll(documents, root, this.#abortable), sparse)
    if (warning !== undefined) this.#emit({ kind: 'warning', message: warning })
    return node
  }

  /** Copies a node and what is below it, each digest once however often it is named. */
  #copy(node: Node): Promise<void> {
    const { descriptor } = node
    switch (node.kind) {
      case 'missing':
        return Promise.resolve()
      case 'blob':
        return this.#once(descriptor, async () => await this.#blob(descriptor))
      case 'manifest': {
        const blobs = [node.manifest.config, ...node.manifest.layers]
        return this.#once(descriptor, async () => {
          this.#emit({ kind: 'manifest', descriptor, blobs })
          const there = isWhole(this.#sink) ? await this.#isThere(descriptor) : undefined
          if (there === true) return this.#exist([...blobs, descriptor])
          await settle(blobs.map((blob) => this.#copy({ kind: 'blob', descriptor: blob })))
          await this.#document(descriptor, node.bytes, there)
        })
      }
      case 'index':
        return this.#once(descriptor, async () => {
          await settle(node.children.map((child) => this.#copy(child)))
          await this.#document(descriptor, node.bytes)
        })
    }
  }

  /** Begins the work for a digest unless it has begun; its first failure ends all other work. */
  #once({ digest }: Descriptor, work: () => Promise<void>): Promise<void> {
    const before = this.#begun.get(digest)
    if (before !== undefined) return before
    const begun = work().catch((error: unknown) => {
      this.#failure ??= { error }
      this.#abort.abort(error)
      throw error
    })
    this.#begun.set(digest, begun)
    return begun
  }

  async #blob(descriptor: Descriptor): Promise<void> {
    if (isNonDistributable(descriptor.mediaType) && this.#options.nonDistributable !== true) {
      this.#emit({ kind: 'warning', message: `Skipped layer ${descriptor.digest}, which may not be distributed` })
      return
    }
    await this.#slots.run(async (leave) => {
      throwIfAborted(this.#abortable.signal)
      const onEvent = (event: CopyEvent): void => {
        if (event.kind === 'received' && this.#options.until === 'received') leave()
        this.#emit(event)
      }
      await copyBlob(this.#source, this.#sink, descriptor, { ...this.#abortable, onEvent })
    })
  }

  #exist(descriptors: readonly Descriptor[]): void {
    for (const descriptor of descriptors) this.#emit({ kind: 'exists', descriptor })
  }

  async #isThere(descriptor: Descriptor): Promise<boolean> {
    return await this.#slots.run(async () => await this.#sink.has(descriptor, this.#abortable))
  }

  async #document(descriptor: Descriptor, bytes: Buffer, known?: boolean): Promise<void> {
    const there = known ?? (await this.#isThere(descriptor))
    if (there) return this.#exist([descriptor])
    await this.#slots.run(async () => {
      throwIfAborted(this.#abortable.signal)
      await this.#sink.write(descriptor, streamOf(bytes), this.#abortable)
      this.#emit({ kind: 'done', descriptor })
    })
  }
}

const isWhole = (sink: object): sink is WholeSink => 'manifestsAreWhole' in sink

/** Waits for all, so that nothing goes on behind the caller's back; then the first error is thrown. */
const settle = async (works: readonly Promise<void>[]): Promise<void> => {
  for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') throw result.reason
}

/** A source that takes documents from the sink where it is a local one that has them, so that what is up to date costs no request. */
const preferring = (sink: ImageSink, source: ImageSource): ContentSource => {
  if (!isSmallBlobReader(sink)) return source
  return {
    has: async (descriptor, options) => await source.has(descriptor, options),
    open: async (descriptor, options): Promise<ByteStream> =>
      (await sink.has(descriptor)) ? streamOf(sink.read(descriptor)) : await source.open(descriptor, options),
  }
}
