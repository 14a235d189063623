import type { Platform } from '../../oci/descriptor.ts'
import type { BindMount } from '../../runtime/interfaces.ts'

export type { BindMount }
export type PullPolicy = 'always' | 'missing' | 'never'

/** What a user asks of a new container. What is absent comes from the image. */
export interface CreateOptions {
  readonly image: string
  /** Replaces the image's Cmd; empty: the image's own. */
  readonly command: readonly string[]
  /** `NAME=VALUE`, or `NAME` for the caller's own; goes over the image's. */
  readonly env: readonly string[]
  readonly terminal: boolean
  readonly interactive: boolean
  readonly autoRemove: boolean
  readonly network: 'none' | 'host'
  readonly binds: readonly BindMount[]
  readonly readOnlyRoot: boolean
  readonly privileged: boolean
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly extraHosts: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly pull: PullPolicy
  /** `''` resets the image's entrypoint. */
  readonly entrypoint?: string
  readonly hostname?: string
  readonly name?: string
  readonly platform?: Platform
  readonly stopSignal?: string
  readonly user?: string
  readonly workingFolder?: string
}
