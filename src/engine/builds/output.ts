import type { Platform } from '../../oci/descriptor.ts'
import type { CompressionOptions } from '../images/compress.ts'

/** A key and a value that an image says of itself, and where it says them. */
export interface BuildAnnotation {
  readonly level: 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor'
  /** Of which image; default: all. */
  readonly platform?: Platform
  readonly key: string
  readonly value: string
}

/** How manifests and layers are written. */
export interface ImageForm {
  readonly mediaTypes: 'oci' | 'docker'
  readonly annotations: readonly BuildAnnotation[]
  /** Absent: compressed with gzip when the image leaves, and not at all while it is here. */
  readonly compression?: CompressionOptions
}

/** Something that a build makes. `destination` is a path; absent: standard output. */
export type BuildOutput =
  /** An image in the store, pushed under its names too. */
  | ({ readonly kind: 'image'; readonly names: readonly string[]; readonly push: boolean } & ImageForm)
  /** An archive that OCI's and docker's tools read, or an OCI layout folder. */
  | ({ readonly kind: 'archive'; readonly names: readonly string[]; readonly destination?: string } & ImageForm)
  | ({ readonly kind: 'layout'; readonly names: readonly string[]; readonly destination: string } & ImageForm)
  /** The files in a folder; `split`: a folder for each platform, by default where there are several. */
  | { readonly kind: 'files'; readonly destination: string; readonly split?: boolean }
  | { readonly kind: 'tar'; readonly destination?: string; readonly split?: boolean }
  /** Nothing but what the cache keeps. */
  | { readonly kind: 'nothing' }
