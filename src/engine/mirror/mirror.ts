import type { Platform } from '../../oci/descriptor.ts'
import type { Reference } from '../../oci/reference.ts'
import type { Location } from '../locations/location.ts'
import type { NameFilter } from './pattern.ts'
import type { TagFilter } from './select-tags.ts'

/** What is mirrored: one image, a repository, or the repositories of a registry. */
export type MirrorSource =
  | { readonly kind: 'image'; readonly reference: Reference }
  | { readonly kind: 'repository'; readonly reference: Reference }
  | { readonly kind: 'registry'; readonly domain: string; readonly repositories: NameFilter }

/** Where it goes: a repository, an OCI layout whose images are named by their tags, or for a registry its host and a path before each repository's. */
export type MirrorTarget =
  | Extract<Location, { readonly kind: 'registry' | 'layout' }>
  | { readonly kind: 'prefix'; readonly domain: string; readonly path: string }

/** One entry of a mirror file. */
export interface Mirror {
  readonly source: MirrorSource
  readonly target: MirrorTarget
  readonly tags: TagFilter
  /** None: all. */
  readonly platforms: readonly Platform[]
  readonly referrers: boolean
}
