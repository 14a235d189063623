import type { ByteRange, TransferOptions } from '../content/interfaces.ts'
import { verified } from '../content/verify.ts'
import { collect, streamOf, type Abortable, type ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { manifestLimit } from '../oci/manifest.ts'
import { isIndexType, isManifestType } from '../oci/media-type.ts'
import { hasBlob, openBlob } from './blobs.ts'
import { createContext, purpose, type RepositoryContext } from './context.ts'
import { answerDetail } from './failure.ts'
import type { RawManifest, RemoteRepository, RepositoryOptions } from './interfaces.ts'
import { findManifest, getManifest, headManifest, putManifest, removeManifest } from './manifests.ts'
import { mountBlob } from './mount.ts'
import { listPages, listStrings, pageSize } from './pages.ts'
import { addReferrer, listReferrers, removeReferrer } from './referrers.ts'
import { referenceIn } from './reference-in.ts'
import type { Registry } from './registry.ts'
import type { UploadSession } from './upload-session.ts'
import { streamedSize } from './upload.ts'
import { uploadBlob, type UploadSource } from './uploads.ts'

const isManifest = ({ mediaType }: Descriptor): boolean => isManifestType(mediaType) || isIndexType(mediaType)

/** Manifests that are kept in memory, in bytes: what was just read is read again, what was just written is tagged. */
const cacheLimit = 16 * 1024 * 1024

/** A repository of a registry as a source and a sink. */
export class Repository implements RemoteRepository {
  readonly domain: string
  readonly path: string
  readonly manifestsAreWhole = true
  readonly #context: RepositoryContext
  readonly #manifests = new Map<Digest, RawManifest>()
  #cached = 0
  /** Uploads that a registry began when it was asked for a mount. */
  readonly #sessions = new Map<Digest, UploadSession>()

  constructor(registry: Registry, path: string, options: RepositoryOptions) {
    this.domain = registry.domain
    this.path = path
    this.#context = createContext(registry, path, options)
  }

  async resolve(reference: string, options?: Abortable): Promise<Descriptor> {
    const name = referenceIn(this.#context.shown, reference)
    const head = await headManifest(this.#context, name, options)
    // an absent one too: the answer to GET says what is wrong
    return head.kind === 'found' ? head.descriptor : (await this.manifest(name, options)).descriptor
  }

  async manifest(reference: string, options?: Abortable): Promise<RawManifest> {
    const name = referenceIn(this.#context.shown, reference)
    return this.#kept(name) ?? this.#keep(await getManifest(this.#context, name, options))
  }

  async has(descriptor: Descriptor, options?: Abortable): Promise<boolean> {
    const { digest, size } = descriptor
    if (!isManifest(descriptor)) {
      const found = await hasBlob(this.#context, digest, options)
      if (found && size > streamedSize)
        await this.#context.registry.uploads?.forget({ domain: this.domain, path: this.path, digest })
      return found
    }
    if (this.#kept(digest) !== undefined) return true
    const head = await headManifest(this.#context, digest, options)
    if (head.kind !== 'unclear') return head.kind === 'found'
    const raw = await findManifest(this.#context, digest, options)
    return raw !== undefined && this.#keep(raw) === raw
  }

  async open(descriptor: Descriptor, options: TransferOptions & { readonly range?: ByteRange } = {}): Promise<ByteStream> {
    if (!isManifest(descriptor)) return await openBlob(this.#context, descriptor, options)
    const { bytes } = await this.manifest(descriptor.digest, options)
    return options.range === undefined
      ? verified(streamOf(bytes), descriptor)
      : streamOf(bytes.subarray(options.range.start, options.range.end))
  }

  async write(descriptor: Descriptor, bytes: ByteStream, options?: Abortable): Promise<void> {
    // oxlint-disable-next-line require-await
    await this.#write(descriptor, { open: async () => bytes, once: true }, options)
  }

  async writeFrom(
    descriptor: Descriptor,
    open: (offset: number) => Promise<ByteStream>,
    options?: TransferOptions,
  ): Promise<void> {
    await this.#write(descriptor, { open, once: false }, options)
  }

  async mount(descriptor: Descriptor, options: Abortable = {}): Promise<boolean> {
    if (isManifest(descriptor)) return false
    const result = await mountBlob(this.#context, descriptor, options)
    if (result.kind === 'upload') this.#sessions.set(descriptor.digest, result.session)
    return result.kind === 'mounted'
  }

  async tag(reference: string, target: Descriptor, options?: Abortable): Promise<void> {
    const name = referenceIn(this.#context.shown, reference)
    if (isDigest(name)) {
      if (name === target.digest) return
      throw new GantryError(
        'invalid_argument',
        'TAG_INVALID',
        `Cannot tag "${target.digest}": "${name}" is the digest of something else`,
      )
    }
    // not written just now, so it has been there: the tag may be too, and need not be read to be written again
    if (this.#kept(target.digest) === undefined && (await this.#isTagged(name, target, options))) return
    await putManifest(this.#context, name, await this.manifest(target.digest, options), options)
  }

  async tags(options: Abortable & { readonly limit?: number } = {}): Promise<readonly string[]> {
    const { registry, path, read } = this.#context
    const pages = listPages(registry, {
      url: `${path}/tags/list?n=${pageSize(options.limit)}`,
      scopes: read,
      path,
      purpose: purpose(this.#context, 'list', 'list the tags of'),
      ...(options.signal && { signal: options.signal }),
    })
    return await listStrings(pages, 'tags', options.limit)
  }

  /** `Last-Modified` of HEAD, which is not in the spec. */
  async pushed(tag: string, options?: Abortable): Promise<Date | undefined> {
    const head = await headManifest(this.#context, tag, options)
    return head.kind === 'found' ? head.modified : undefined
  }

  async referrers(subject: Digest, options?: Abortable & { readonly artifactType?: string }): Promise<readonly Descriptor[]> {
    return await listReferrers(this.#context, subject, options)
  }

  async deleteManifest(digest: Digest, options: Abortable = {}): Promise<boolean> {
    const raw = await findManifest(this.#context, digest, options)
    if (raw === undefined) return false
    if (this.#manifests.delete(digest)) this.#cached -= raw.descriptor.size
    const deleted = await removeManifest(this.#context, digest, options)
    await removeReferrer(this.#context, raw, options)
    return deleted
  }

  async deleteTag(tag: string, options?: Abortable): Promise<boolean> {
    try {
      return await removeManifest(this.#context, tag, options)
    } catch (error) {
      if (![400, 405].includes(answerDetail(error).status ?? 0)) throw error
      throw new GantryError(
        'unsupported',
        'UNSUPPORTED',
        `Cannot delete "${this.#context.name}:${tag}": the registry deletes no single tags`,
        {
          cause: error,
          hint: 'delete by digest, which deletes all tags of that manifest',
        },
      )
    }
  }

  async deleteBlob(digest: Digest, { signal }: Abortable = {}): Promise<boolean> {
    const { registry, path, write } = this.#context
    const response = await registry.send({
      method: 'DELETE',
      url: `${path}/blobs/${digest}`,
      scopes: { needed: [`repository:${path}:delete`, ...write.needed] },
      path,
      accept: [200, 202, 204, 404],
      purpose: purpose(this.#context, 'delete', `delete "${digest}" from`),
      ...(signal && { signal }),
    })
    response.discard()
    return response.status !== 404
  }

  async #write(descriptor: Descriptor, source: UploadSource, options: TransferOptions = {}): Promise<void> {
    const { digest } = descriptor
    if (isManifest(descriptor)) {
      const bytes = await collect(verified(await source.open(0), descriptor), manifestLimit, `the manifest "${digest}"`)
      const raw = { descriptor, bytes }
      if (!(await putManifest(this.#context, digest, raw, options))) await addReferrer(this.#context, raw, options)
      this.#keep(raw)
      return
    }
    const session = this.#sessions.get(digest)
    this.#sessions.delete(digest)
    await uploadBlob(this.#context, descriptor, source, { ...options, ...(session && { session }) })
  }

  async #isTagged(name: string, { digest }: Descriptor, options?: Abortable): Promise<boolean> {
    const head = await headManifest(this.#context, name, options)
    return head.kind === 'found' && head.descriptor.digest === digest
  }

  #kept(reference: string): RawManifest | undefined {
    return isDigest(reference) ? this.#manifests.get(reference) : undefined
  }

  #keep(raw: RawManifest): RawManifest {
    const { digest, size } = raw.descriptor
    if (!this.#manifests.has(digest) && this.#cached + size <= cacheLimit) {
      this.#manifests.set(digest, raw)
      this.#cached += size
    }
    return raw
  }
}
