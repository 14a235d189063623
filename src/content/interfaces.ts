import type { Abortable, ByteStream } from '../lib/bytes.ts'
import type { Leases } from '../lib/leases.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { ChainId, Digest, DiffId } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import type { Manifest } from '../oci/manifest.ts'

/** Bytes of a blob from `start` (inclusive) to `end` (exclusive, default the blob's size). */
export interface ByteRange {
  readonly start: number
  readonly end?: number
}

/** What moves a blob may be told, and tell. */
export interface TransferOptions extends Abortable {
  /** A failure that is not the end: what it was, and milliseconds until the next attempt. */
  readonly onRetry?: (reason: string, wait: number) => void
  /** Bytes of the blob that have arrived by the work of another process, for which this one waits. */
  readonly onArrived?: (offset: number) => void
}

/** Content that can be read by descriptor. */
export interface ContentSource {
  /** True if `open` would succeed now. */
  has(descriptor: Descriptor, options?: Abortable): Promise<boolean>
  /**
   * The blob's bytes. A whole blob is verified while it is read: the stream throws `data_loss` at its end when size or digest
   * differ, so nothing may be trusted before it ended; with the code `MIRROR_MISMATCH` it comes from elsewhere when it is opened
   * again. A range is not verified. `not_found` when there is none.
   */
  open(descriptor: Descriptor, options?: TransferOptions & { readonly range?: ByteRange }): Promise<ByteStream>
}

/** A place that takes content. */
export interface ContentSink {
  has(descriptor: Descriptor, options?: Abortable): Promise<boolean>
  /** All or nothing, idempotent: verifies size and digest (`data_loss`) and lasts (fsync) once it resolves. */
  write(descriptor: Descriptor, bytes: ByteStream, options?: Abortable): Promise<void>
}

/** Content on this machine, whose digest may be found out while writing. */
export interface ContentStore extends ContentSource, ContentSink {
  /** Writes bytes of unknown digest and answers their descriptor. */
  ingest(bytes: ByteStream, mediaType: string, options?: Abortable): Promise<Descriptor>
  list(): AsyncIterable<{ readonly digest: Digest; readonly size: number }>
  /** True if there was such a blob. */
  delete(digest: Digest): Promise<boolean>
}

/** Content with names: a registry repository, the local store, a layout, an archive. */
export interface ImageSource extends ContentSource {
  /** The descriptor of a manifest or index by tag, full reference or digest, as the source understands them; `not_found` else. */
  resolve(reference: string, options?: Abortable): Promise<Descriptor>
}

export interface ImageSink extends ContentSink {
  /** Names a manifest that is in the sink already. Replaces what had the name. */
  tag(reference: string, target: Descriptor, options?: Abortable): Promise<void>
}

/** A sink that can take a blob from elsewhere in the same registry without its bytes (distribution-spec §Mounting a blob). */
export interface MountingSink {
  /** True if the blob is in the sink now. */
  mount(descriptor: Descriptor, options?: Abortable): Promise<boolean>
}

/** A sink that keeps what has arrived of a blob when its stream fails or its process dies, and goes on from there. */
export interface ResumableSink {
  /**
   * Like `write`, but asks for the bytes itself: `open(offset)` answers those from `offset` to the end; 0, or where an earlier
   * attempt stopped. Not called where the blob is there already, be it that another process has just brought it; called again
   * with 0 if what had been kept turns out to be wrong.
   */
  writeFrom(descriptor: Descriptor, open: (offset: number) => Promise<ByteStream>, options?: TransferOptions): Promise<void>
}

/**
 * A sink that refuses a manifest whose blobs it lacks, as registries do (distribution-spec §Pushing Manifests): one that it has stands
 * for its blobs. Not so an index, which may be sparse.
 */
export interface WholeSink {
  readonly manifestsAreWhole: true
}

/** A source that hands out small content at once: manifests, indexes, configs. */
export interface SmallBlobReader {
  /** The verified bytes; `not_found` when there are none, `resource_exhausted` above `limit` bytes (default 4 MiB). */
  read(descriptor: Descriptor, limit?: number): Buffer
}

/** A manifest or index that the local store keeps, and its name; a dangling image has none. */
export interface NamedDescriptor {
  readonly name?: string
  readonly descriptor: Descriptor
}

/** A layout folder or an archive that somebody brings: images to list and to copy from. Closing it removes what it needed meanwhile. */
export interface ImageArchive extends ImageSource, SmallBlobReader, AsyncDisposable {
  /** Every image, in the order of the archive, once for each of its names, which are full references; one without has no name. */
  images(): Promise<readonly NamedDescriptor[]>
}

/**
 * The local store: an OCI image layout on disk (image-spec image-layout.md) that many processes use at once. Names are opaque
 * strings here, by custom full normalised references (`docker.io/library/alpine:3`); one digest may have several. A bare digest as a
 * name (`tag(target.digest, target)`) keeps the image without a name, until it gets one. Readers take no lock.
 */
export interface DiskStore extends ContentStore, ImageSource, ImageSink, ResumableSink, SmallBlobReader {
  readonly folder: string
  /** All that is kept, in the order of first naming. */
  names(): Promise<readonly NamedDescriptor[]>
  /** As `tag`, but only if the name stands for `before` now: nobody has moved or removed it meanwhile. */
  retag(name: string, before: Digest, target: Descriptor, options?: Abortable): Promise<void>
  /** True if there was such a name, of `target` if that is given, or such a nameless digest. The content stays until it is collected. */
  untag(name: string, target?: Digest): Promise<boolean>
  /**
   * Takes a blob that is a file on this machine already, as a hard link where the file system can. The caller promises that the
   * file is never written again, and that it holds the descriptor's bytes, unless `verify` is set.
   */
  link(descriptor: Descriptor, path: string, options?: Abortable & { readonly verify?: boolean }): Promise<void>
  /**
   * Keeps from being collected what this process asks for with `has`, or writes, links or names, from now on: with all that it leads
   * to, if it is a manifest. Whatever skips content that is there, or writes content before it names it, holds a lease meanwhile; it
   * ends with its holder, however that dies.
   */
  lease(options?: Abortable): Promise<AsyncDisposable>
  /** Where the leases of all processes on the store are. */
  readonly leases: Leases
  /**
   * The blobs that are not in `used`, parents before children, and what has arrived of blobs that were not resumed since
   * `partialsBefore` (milliseconds since 1970; default: none of it).
   */
  garbage(used: ReadonlySet<string>, partialsBefore?: number): AsyncIterable<Garbage>
  /** Removes what dead writers left. */
  removeLeftovers(): Promise<void>
}

/** Something that nothing that is in use seems to need. */
export interface Garbage {
  readonly place: 'content' | 'layers'
  readonly kind: 'blob' | 'partial' | 'layer' | 'derived'
  /** The digest under which it is relied on. */
  readonly digest: Digest
  /**
   * Takes it out of sight at once, and answers where it is now, to be removed; undefined if it is gone. Under `Leases.collect`, after
   * a last look at what is in use; the caller holds a lease, which is given.
   */
  hide(owner: string): string | undefined
}

/** What copy() reports. Bytes of a blob that is fetched again after a failure are reported again from `offset`. */
export type CopyEvent =
  | { readonly kind: 'resolved'; readonly reference: string; readonly descriptor: Descriptor }
  /** A manifest was read; its blobs (config and layers, base first) follow in events of their own. */
  | { readonly kind: 'manifest'; readonly descriptor: Descriptor; readonly blobs: readonly Descriptor[] }
  | { readonly kind: 'exists'; readonly descriptor: Descriptor }
  | { readonly kind: 'mounted'; readonly descriptor: Descriptor }
  | { readonly kind: 'started'; readonly descriptor: Descriptor }
  | { readonly kind: 'progress'; readonly descriptor: Descriptor; readonly offset: number }
  /** All bytes have arrived; verifying, unpacking or committing goes on. */
  | { readonly kind: 'received'; readonly descriptor: Descriptor }
  | { readonly kind: 'done'; readonly descriptor: Descriptor }
  | { readonly kind: 'tagged'; readonly reference: string; readonly descriptor: Descriptor }
  | { readonly kind: 'retry'; readonly descriptor?: Descriptor; readonly reason: string; readonly wait: number }
  | { readonly kind: 'warning'; readonly message: string }

/** One layer of an image, with all the names it has. */
export interface ImageLayer {
  readonly blob: Descriptor
  readonly diffId: DiffId
  readonly chainId: ChainId
  /** The history entry's created_by. */
  readonly createdBy?: string
}

/** An image as read from a source: one platform. Layers base first. */
export interface Image {
  readonly descriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
  readonly layers: readonly ImageLayer[]
}
