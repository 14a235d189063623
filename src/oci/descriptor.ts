import type { Digest } from './digest.ts'

/** A platform as image-spec image-index.md writes it. Absent fields mean "any" when matching. */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
}

/** Names content by type, digest and size (image-spec descriptor.md). `size` in bytes. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly urls?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform?: Platform
  readonly artifactType?: string
  /** Base64 of the content itself, for small content. */
  readonly data?: string
}
