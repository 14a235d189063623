import type { DiskStore, ImageSource } from '../content/interfaces.ts'
import type { LayerStore } from '../layers/interfaces.ts'
import type { Abortable } from '../lib/bytes.ts'
import type { Environment } from '../lib/http/proxy.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import type { DiffId } from '../oci/digest.ts'
import type { RunOnceOptions } from '../runtime/interfaces.ts'
import type { ReadRootFile } from '../runtime/user.ts'
import type { ResolvedImage } from './plan/plan.ts'
import type { CacheCompression, CacheSourceLocation } from './transfer/cache-location.ts'

/** What a build needs from outside; given by the engine. */
export interface BuildServices {
  readonly layers: LayerStore
  readonly content: Pick<DiskStore, 'has' | 'read' | 'write' | 'link' | 'lease'>
  /**
   * An image by its full reference, or by `oci-layout://PATH[:TAG][@DIGEST]`, its config read and its content in the store: the local one if it is there and fits the
   * platform, else pulled. `pull`: ask the registry in any case.
   */
  readonly resolveImage: (
    reference: string,
    options: Abortable & { readonly platform: Platform; readonly pull: boolean },
  ) => Promise<ResolvedImage>
  /** Runs a RUN step; answers its exit status. Absent where containers cannot run. */
  readonly run?: (options: RunOnceOptions & { readonly readRootFile: ReadRootFile }) => Promise<number>
  /** Kills the containers whose ids begin so: those that a killed build left running. */
  readonly killSteps?: (prefix: string) => Promise<void>
  /** Reads and writes caches elsewhere. Absent where there is only the one on this machine. */
  readonly caches?: CacheServices
  /** Cache records, shared by all builds on the root; made where it is missing. */
  readonly cacheFolder: string
  /** For what lasts no longer than the build; made where it is missing. On a file system that overlayfs can write to. */
  readonly scratchFolder: string
  /** How servers are reached that files come from, and where what came is kept to be asked for again. */
  readonly sources: SourceServices
  readonly now: () => Date
  /** What this machine is. */
  readonly platform: Platform
}

/** What fetching files by HTTP and git needs. */
export interface SourceServices {
  /** Shared by all builds on the root; made where it is missing. */
  readonly folder: string
  /** Proxies; for git also PATH and the agent of ssh. Nothing else of it is looked at. */
  readonly environment: Environment
  /** False: any certificate is taken. */
  readonly tlsVerify?: boolean
  readonly userAgent?: string
  /** Most bytes of one download, or of one checkout. Default 32 GiB. */
  readonly limit?: number
  /** Milliseconds that one source may take. Default 2 hours. */
  readonly timeout?: number
}

/** How caches elsewhere are reached. */
export interface CacheServices {
  /** Opens the place where a cache is; what `reference` names there may be missing. */
  open(location: CacheSourceLocation): Promise<{ readonly source: ImageSource; readonly reference: string }>
  /** The blob of a layer as it is to leave; it is in the content store then. */
  compress(blob: Descriptor, layer: DiffId, options: CacheCompression & Abortable): Promise<Descriptor>
  /** Copies a manifest of the content store there, with those of its blobs that are only in `sources`. */
  send(
    location: CacheSourceLocation,
    manifest: Descriptor,
    options: Abortable & { readonly sources: readonly ImageSource[] },
  ): Promise<void>
}
