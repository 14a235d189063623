import type { Abortable, ByteStream } from '../lib/bytes.ts'
import type { DiffId } from '../oci/digest.ts'
import type { Compression } from '../oci/media-type.ts'
import type { Mount } from '../lib/mount.ts'

/** One path of a layer, as the layer's tar says, with whiteouts in overlay's terms. */
export interface LayerEntry {
  /** Cleaned, relative, no leading or trailing slash; the root is ''. Bytes that are not UTF-8 are kept by `rawPath`. */
  readonly path: string
  readonly rawPath?: Uint8Array
  readonly kind: 'file' | 'folder' | 'symlink' | 'character' | 'block' | 'fifo' | 'whiteout'
  /** Permission bits with setuid, setgid and sticky, 0 to 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of a file's body; 0 for the rest. */
  readonly size: number
  /** Seconds since 1970 and nanoseconds within the second. */
  readonly mtime: { readonly seconds: number; readonly nanoseconds: number }
  /** Target of a symlink; `rawTarget` has its bytes if they are not UTF-8. */
  readonly target?: string
  readonly rawTarget?: Uint8Array
  /** In `entries()`: path of the first name of the same file, for the further names of a hard link. */
  readonly hardLink?: string
  /** Number of names of the file in this layer, and a number that they share, where that is known. */
  readonly links?: number
  readonly inode?: number
  /** A hard link to a file that only a lower layer has, at this path; the entry has no size and no body of its own. */
  readonly lowerLink?: string
  readonly device?: { readonly major: number; readonly minor: number }
  readonly xattrs?: Readonly<Record<string, Uint8Array>>
  /** A folder that hides what lower layers have in it. */
  readonly opaque?: boolean
  /** A folder that the tar does not have, only something in it: a folder of a lower layer keeps its own attributes. */
  readonly implicit?: boolean
}

/** A layer that is read without being mounted; needs no privilege. */
export interface LayerReader extends AsyncDisposable {
  /** Folders before what is in them, names in byte order. */
  entries(): AsyncIterable<LayerEntry>
  /** What is at a path, given as text or, if it is not UTF-8, as bytes; symlinks are not followed. */
  entry(path: string | Uint8Array): Promise<LayerEntry | undefined>
  /** What is directly in a folder, names in byte order, whiteouts included; nothing if the path is no folder of this layer. */
  list(path: string | Uint8Array): AsyncIterable<LayerEntry>
  /** A file's bytes, or part of them. */
  read(entry: LayerEntry, range?: { readonly start: number; readonly end?: number }): ByteStream
  /** The layer's tar, byte for byte as its diffId says. */
  tar(): ByteStream
}

/** The facts of a layer in the store. */
export interface LayerInfo {
  readonly diffId: DiffId
  /** Bytes of the uncompressed tar. */
  readonly tarSize: number
  /** Sum of the bodies of its files. */
  readonly contentSize: number
  readonly entries: number
}

/** The writable layer of a container or of a RUN step: two folders on one file system that overlayfs can write to. */
export interface UpperFolder {
  /** Where changes go. */
  readonly upper: string
  /** overlayfs' own scratch folder, empty. */
  readonly work: string
}

export interface AddOptions extends Abortable {
  readonly compression?: Compression
  /** Bytes of the blob, where they are known: a small one is not worth what a large one is. */
  readonly size?: number
}

/**
 * Unpacked or indexed layers by diffId. `add` is all or nothing and idempotent, and many processes may use one store at once.
 * Implementations: the tar store (tar + EROFS index) and the folder store; both pass the contract suite in src/testing.
 */
export interface LayerStore {
  has(id: DiffId): Promise<boolean>
  info(id: DiffId): Promise<LayerInfo>
  /** Takes a layer's blob, compressed or not; `data_loss` if the tar's digest is not `id`, `invalid_argument` for a tar that no layer may be. */
  add(id: DiffId, bytes: ByteStream, options?: AddOptions): Promise<LayerInfo>
  /** Takes a tar whose diffId is not known yet. */
  create(tar: ByteStream, options?: Abortable): Promise<LayerInfo>
  open(id: DiffId): Promise<LayerReader>
  /** Path of a file that holds exactly the layer's tar, if there is one; may be hard-linked, never written. */
  tarFile(id: DiffId): Promise<string | undefined>
  /**
   * The mounts, in order, that put the stack (base first) at `target`: read-only, or writable with an upper.
   * Intermediate mount points are made below `scratch`, an existing folder that the caller owns and later removes.
   */
  mounts(
    layers: readonly DiffId[],
    options: { readonly target: string; readonly scratch: string; readonly upper?: UpperFolder },
  ): Promise<readonly Mount[]>
  /** Does ahead what `mounts` of these layers (base first) would have to do first, so that a pull ends ready to run. */
  prepare(layers: readonly DiffId[], options?: Abortable): Promise<void>
  /** True if there was such a layer. It must not be mounted: what is seen then is not defined. */
  remove(id: DiffId): Promise<boolean>
  list(): AsyncIterable<DiffId>
}
