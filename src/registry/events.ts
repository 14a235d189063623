import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'

/** What happened in a registry, told after it did. */
export type RegistryEvent =
  | {
      readonly kind: 'manifest-pushed'
      readonly repository: string
      readonly descriptor: Descriptor
      readonly tags: readonly string[]
    }
  | { readonly kind: 'manifest-pulled'; readonly repository: string; readonly descriptor: Descriptor; readonly reference: string }
  | { readonly kind: 'manifest-deleted'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'tag-deleted'; readonly repository: string; readonly tag: string }
  | { readonly kind: 'blob-pushed'; readonly repository: string; readonly descriptor: Descriptor }
  | { readonly kind: 'blob-mounted'; readonly repository: string; readonly digest: Digest; readonly from: string }
  | { readonly kind: 'blob-pulled'; readonly repository: string; readonly digest: Digest }
  | { readonly kind: 'blob-deleted'; readonly repository: string; readonly digest: Digest }
  /** A request was answered with a status of 500 or more, or its answer was cut off; `error` is for the operator, not for the client. */
  | { readonly kind: 'failed'; readonly method: string; readonly path: string; readonly error: unknown }
