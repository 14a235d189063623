import type { Platform } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'

/** An image that a build took, by its digest. */
export interface BuildMaterial {
  /** Full reference. */
  readonly name: string
  readonly platform: Platform
  readonly digest: Digest
}
