import { createHash } from 'node:crypto'
import type { Image } from '../content/interfaces.ts'
import type { Abortable } from '../lib/bytes.ts'
import type { Platform } from '../oci/descriptor.ts'
import { digestOf, type Digest } from '../oci/digest.ts'
import type { SourceRange } from './dockerfile/source.ts'
import type { GitReference } from './sources/git-reference.ts'

/** An image that a stage begins with or copies from: its config is known, its layers are brought when they are needed. */
export interface BaseImage {
  readonly image: Image
  /** Makes all its layers ready in the layer store. */
  prepare(options: Abortable): Promise<void>
}

/** No files at all: `FROM scratch`. */
export interface ScratchOp {
  readonly kind: 'scratch'
}

/** The layers of an image; the manifest's digest says which. */
export interface ImageOp {
  readonly kind: 'image'
  readonly manifest: Digest
}

/** A folder or an archive that the caller brings: the build context, or the named one of that name. */
export interface ContextOp {
  readonly kind: 'context'
  readonly name?: string
}

/** What a server has at an URL: a tree of one file, or of what is in it if it is an archive and `unpack` says so. */
export interface HttpOp {
  readonly kind: 'http'
  /** With all that it may hold of secrets: what is shown or kept is what `redactSources` leaves of it. */
  readonly url: string
  /** What the file is called. */
  readonly name: string
  readonly checksum?: Digest
  readonly unpack: boolean
}

/** The files of a commit. */
export interface GitOp {
  readonly kind: 'git'
  readonly reference: GitReference
}

/** Where a copy takes files from: an input of the vertex by index, or text that stands in the Dockerfile. */
export type CopyFrom =
  | {
      readonly kind: 'input'
      readonly index: number
      readonly path: string
      /** Whether the path is the name of a file, and no pattern. */
      readonly literal?: boolean
      readonly include?: readonly string[]
      /** Whether archives are extracted. */
      readonly unpack: boolean
    }
  | { readonly kind: 'inline'; readonly name: string; readonly content: string }

/** COPY and ADD: the first input is what is copied into. */
export interface CopyOp {
  readonly kind: 'copy'
  readonly from: readonly CopyFrom[]
  /** Absolute; a slash at the end says that it is a folder. */
  readonly destination: string
  /** `user[:group]` as written. */
  readonly chown?: string
  readonly chmod?: string
  readonly exclude: readonly string[]
  /** Whether it is copied as if into nothing (`--link`): what is there is neither looked at nor followed. */
  readonly link: boolean
  /** The time of all that is copied, seconds since 1970; absent for their own. */
  readonly time?: number
}

/** WORKDIR: makes a folder where it is missing. */
export interface FolderOp {
  readonly kind: 'folder'
  /** Absolute. */
  readonly path: string
  readonly user: string
}

/** What a RUN step is given besides its root; `target` is an absolute path. `input` says which of the vertex's inputs the files are. */
export type RunMount =
  | { readonly kind: 'bind'; readonly target: string; readonly input: number; readonly path: string; readonly readOnly: boolean }
  | {
      readonly kind: 'cache'
      readonly target: string
      readonly id: string
      readonly sharing: 'shared' | 'private' | 'locked'
      /** What a new cache begins with. */
      readonly input?: number
      readonly path: string
      /** Of a new cache. */
      readonly attributes?: { readonly mode: number; readonly uid: number; readonly gid: number }
      readonly readOnly: boolean
    }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly size: number; readonly readOnly: boolean }
  | ({
      readonly kind: 'secret'
      readonly id: string
      readonly required: boolean
      /** Absent for a secret that is only given as a variable. */
      readonly target?: string
      readonly env?: string
    } & FileAttributes)
  | ({ readonly kind: 'ssh'; readonly id: string; readonly required: boolean; readonly target: string } & FileAttributes)

interface FileAttributes {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** RUN: the first input is the root file system. */
export interface ExecOp {
  readonly kind: 'exec'
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly user: string
  readonly network: 'default' | 'none' | 'host'
  /** `name:address`; only the names count for the cache. */
  readonly extraHosts: readonly string[]
  readonly platform: Platform
  /** Scripts out of heredocs, mounted read-only. */
  readonly scripts: readonly { readonly path: string; readonly content: string }[]
  readonly mounts: readonly RunMount[]
  readonly security: 'sandbox' | 'insecure'
  /** `name=soft:hard`. */
  readonly ulimits: readonly string[]
  /** Bytes of /dev/shm; 0 for the usual size. */
  readonly shmSize: number
  /** Added to the environment, but no part of the step. */
  readonly proxy: readonly string[]
}

export type Op = ScratchOp | ImageOp | ContextOp | HttpOp | GitOp | CopyOp | FolderOp | ExecOp

/** A step of a build and what it depends on: pure data but for `base`. The same digest means the same work. */
export interface Vertex<O extends Op = Op> {
  readonly digest: Digest
  readonly op: O
  readonly inputs: readonly Vertex[]
  /** As progress shows it: `[build 2/4] RUN make`. */
  readonly label: string
  readonly source?: SourceRange
  /** The image of an ImageOp. */
  readonly base?: BaseImage
  /** Variables of an ExecOp that are build arguments, for explanations. */
  readonly arguments?: readonly string[]
}

/** JSON with sorted keys: equal for equal values. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )

export const createVertex = <O extends Op>(
  op: O,
  inputs: readonly Vertex[],
  facts: Pick<Vertex, 'label' | 'source' | 'base' | 'arguments'>,
): Vertex<O> => ({ digest: digestOf(canonicalJson([op, inputs.map((input) => input.digest)])), op, inputs, ...facts })

/** The hex sha256 of a value's canonical JSON. */
export const hashOf = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex')
