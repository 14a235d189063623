import type { ResourceLimits } from '../runtime/interfaces.ts'

/** What a Dockerfile's steps may ask for only where the build allows it. */
export type Entitlement = 'network.host' | 'security.insecure'

/** A secret that steps may mount by its id: what is in a file, or bytes that are at hand. */
export type BuildSecret = { readonly id: string; readonly file: string } | { readonly id: string; readonly value: Uint8Array }

/** An SSH agent that steps may mount by its id: the socket of one that runs, or files of private keys. */
export interface BuildAgent {
  readonly id: string
  readonly paths: readonly string[]
}

/** What RUN steps of a build get and how far they may go. */
export interface RunOptions {
  /** The last one of an id counts. */
  readonly secrets?: readonly BuildSecret[]
  readonly ssh?: readonly BuildAgent[]
  readonly allow?: readonly Entitlement[]
  /** `name=soft[:hard]`. */
  readonly ulimits?: readonly string[]
  /** Bytes of /dev/shm. */
  readonly shmSize?: number
  readonly limits?: ResourceLimits
  /** Milliseconds that a step may take. */
  readonly stepTimeout?: number
}
