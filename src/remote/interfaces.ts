import type { ImageSink, ImageSource, MountingSink, ResumableSink, WholeSink } from '../content/interfaces.ts'
import type { Abortable } from '../lib/bytes.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Storage, Stored } from './credentials/storage.ts'

/** How one proves who one is to a registry. */
export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** An OAuth 2 refresh token: sent to the token server only, never to the registry. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** A bearer token for the registry itself. */
  | { readonly kind: 'registry-token'; readonly token: string }

/** Where credentials are found. */
export interface CredentialSource {
  /** Those for a repository of a registry (`docker.io`, `host:port`), the most specific first; without a path those of the registry. */
  get(domain: string, path?: string): Promise<Credentials | undefined>
}

/** A registry, or what lies below a path there (containers-auth.json(5)). */
export interface LoginTarget {
  readonly domain: string
  readonly path?: string
}

/** `username` is who logged in, be it that a token is kept in place of the password. */
export interface Login {
  readonly username: string
  readonly credentials: Credentials
}

/** What `login` and `logout` change. */
export interface CredentialStore extends CredentialSource {
  /** Keeps credentials, and says where, which a user wants to know. Default storage: `auto`. */
  store(target: LoginTarget, login: Login, storage?: Storage): Promise<Stored>
  /** Forgets what is kept for just this target, wherever it is; false if there was nothing. */
  erase(target: LoginTarget): Promise<boolean>
}

export interface TagLister {
  /** All tags, or the first `limit`, in the registry's order. `not_found` if there is no such repository. */
  tags(options?: Abortable & { readonly limit?: number }): Promise<readonly string[]>
}

/** A repository that can say when a tag was pushed. */
export interface PushTimes {
  /** When the tag was pushed last; undefined where the registry does not say so, which most do not. */
  pushed(tag: string, options?: Abortable): Promise<Date | undefined>
}

export interface ReferrerLister {
  /** Manifests whose subject is the digest, which itself need not exist (distribution-spec §Listing Referrers). */
  referrers(subject: Digest, options?: Abortable & { readonly artifactType?: string }): Promise<readonly Descriptor[]>
}

/** A manifest or index as it was received. */
export interface RawManifest {
  readonly descriptor: Descriptor
  readonly bytes: Buffer
}

/**
 * A repository of a registry. References are tags, digests, or full references to this repository. Transient failures are retried
 * inside: an `open` stream goes on where its connection broke, `writeFrom` where the registry says that it stopped. `write` of a
 * blob is not repeated once its stream has been read from.
 */
export interface RemoteRepository
  extends ImageSource, ImageSink, MountingSink, ResumableSink, WholeSink, TagLister, PushTimes, ReferrerLister {
  /** `docker.io` or `host:port`. */
  readonly domain: string
  readonly path: string
  manifest(reference: string, options?: Abortable): Promise<RawManifest>
  /** Deletes a manifest with all its tags, and takes it out of the list of its subject's referrers; false if there was none. */
  deleteManifest(digest: Digest, options?: Abortable): Promise<boolean>
  /** Deletes a tag only; false if there was none, `unsupported` where the registry cannot. */
  deleteTag(tag: string, options?: Abortable): Promise<boolean>
  deleteBlob(digest: Digest, options?: Abortable): Promise<boolean>
}

export interface RepositoryOptions {
  /** Says that the repository will be written to, and in which others of the same registry its blobs may be found. */
  readonly mountFrom?: readonly string[]
  /** The name that messages speak of and references are in, where the repository is a copy of it. */
  readonly shown?: { readonly domain: string; readonly path: string }
}

/** An image that a search found; the name is as the index gives it, without the host. */
export interface SearchResult {
  readonly name: string
  readonly description: string
  readonly stars: number
  readonly isOfficial: boolean
  readonly isAutomated: boolean
}

/** Registries, through one pool of connections. A `domain` that is no host is an `invalid_argument` error. Secrets appear in no error and no URL that it reports. */
export interface RegistryClient extends Disposable {
  repository(name: { readonly domain: string; readonly path: string }, options?: RepositoryOptions): RemoteRepository
  /** Names of a registry's repositories, where it lists them (distribution's `_catalog`); `unsupported` or denied elsewhere. */
  catalog(domain: string, options?: Abortable & { readonly limit?: number }): Promise<readonly string[]>
  /** Images that an index finds for a term, at most `limit`; undefined if it has no search. */
  search(
    domain: string,
    term: string,
    options: Abortable & { readonly limit: number },
  ): Promise<readonly SearchResult[] | undefined>
  /**
   * Asks the registry whether it knows these credentials: `unauthenticated` if not. Nothing is remembered. Answers what to keep:
   * the token that a token server gives out in place of the password, where it does, else the same.
   */
  check(domain: string, credentials: Credentials, options?: Abortable): Promise<Credentials>
  close(): void
}
