import type { FileHandle } from 'node:fs/promises'
import type { Abortable, ByteStream } from '../lib/bytes.ts'
import type { ByteRange } from '../content/interfaces.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest, DigestAlgorithm } from '../oci/digest.ts'

/** A page of an ordered list: at most `limit` names after `last`. */
export interface PageRequest {
  readonly limit?: number
  readonly last?: string
}

/** The server's side of a registry: repositories by name. Blobs are stored once and seen only through a repository that has them. */
export interface RegistryStorage {
  repository(name: string): RegistryRepository
  /** Names in ASCII order. */
  repositories(page?: PageRequest): Promise<readonly string[]>
}

/** One repository (distribution-spec 1.1). Manifest bytes are kept exactly as received. */
export interface RegistryRepository {
  readonly name: string
  exists(): Promise<boolean>
  blob(digest: Digest): Promise<{ readonly size: number } | undefined>
  openBlob(digest: Digest, range?: ByteRange): Promise<ByteStream>
  deleteBlob(digest: Digest): Promise<boolean>
  /** Makes a blob of another repository visible here; false if `from` does not have it. */
  mount(digest: Digest, from: string): Promise<boolean>
  /** `algorithm`: of the digest that the upload will end with, if known; another costs a second reading. Default sha256. */
  beginUpload(options?: { readonly algorithm?: DigestAlgorithm }): Promise<Upload>
  /** `not_found` for an unknown or ended upload. */
  resumeUpload(id: string): Promise<Upload>
  /** By tag or digest; by a tag with the time when that was pushed last, where the storage knows it. */
  manifest(
    reference: string,
  ): Promise<{ readonly descriptor: Descriptor; readonly bytes: Buffer; readonly tagged?: Date } | undefined>
  /** Stores a manifest under its digest and the tags. The caller has validated it. */
  putManifest(bytes: Uint8Array, descriptor: Descriptor, tags: readonly string[]): Promise<void>
  /** Deletes the manifest and all tags that point at it. */
  deleteManifest(digest: Digest): Promise<boolean>
  untag(tag: string): Promise<boolean>
  tags(page?: PageRequest): Promise<readonly string[]>
  /** Descriptors of manifests whose subject is the digest, with artifactType and annotations. */
  referrers(subject: Digest): Promise<readonly Descriptor[]>
}

/** A blob upload in progress; survives a restart of the server. */
export interface Upload {
  readonly id: string
  /** Bytes received so far. */
  readonly offset: number
  /**
   * Adds bytes at the end. When the stream fails, what came before stays and `offset` tells. `conflict` while another append or
   * commit is under way. `algorithm` may still be chosen with the first byte.
   */
  append(chunk: ByteStream, options?: Abortable & { readonly algorithm?: DigestAlgorithm }): Promise<void>
  /** Ends the upload, also if the bytes are not those of the digest: `invalid_argument` DIGEST_INVALID. */
  commit(expected: Digest): Promise<Descriptor>
  /** Ends the upload, also one that another request is at work on. */
  abort(): Promise<void>
}

/** A repository whose blobs are files, which a server can send without a stream in between. */
export interface FileBackedRepository {
  /** The caller closes the handle. Undefined if there is no such blob. */
  openBlobFile(digest: Digest): Promise<{ readonly handle: FileHandle; readonly size: number } | undefined>
}

/** A storage that can say which repositories have a blob, for mounts that name no repository. */
export interface BlobLocator {
  repositoriesWith(digest: Digest): AsyncIterable<string>
}
