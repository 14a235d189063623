import { open, readdir, readFile, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { ByteStream } from '../../lib/bytes.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { GantryError, systemCode } from '../../lib/errors.ts'
import { exists } from '../../lib/files.ts'
import type { StatCache } from '../../lib/stat-cache.ts'
import type { ByteRange } from '../../content/interfaces.ts'
import { readFileStream } from '../../content/file-stream.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestAlgorithm, digestOf, isDigest, type Digest, type DigestAlgorithm } from '../../oci/digest.ts'
import type { FileBackedRepository, PageRequest, RegistryRepository, Upload } from '../interfaces.ts'
import { pageOf } from '../page.ts'
import { referrerOf } from '../../oci/referrer.ts'
import { markDurably, removeDurably, writeDurably, type DurableFile } from './durable.ts'
import type { RegistryPaths, RepositoryPaths } from './paths.ts'
import { tagOfFileName } from './tag-file-name.ts'
import type { Uploads } from './uploads.ts'

export interface StoredManifest {
  readonly descriptor: Descriptor
  readonly bytes: Buffer
  /** When the tag that it was asked for by was pushed last. */
  readonly tagged?: Date
}

/** What the repositories of one storage share. */
export interface RepositoryHost {
  readonly paths: RegistryPaths
  readonly uploads: Uploads
  /** By the path of the link. */
  readonly manifests: StatCache<StoredManifest>
  /** What tags name, by the path of the tag. A tag never outlives its manifest, so one look at the disk is enough. */
  readonly tagged: StatCache<StoredManifest>
  /** Sorted tags by the path of their folder. */
  readonly tagLists: StatCache<readonly string[]>
  /** Descriptors by the path of the subject's folder. */
  readonly referrers: StatCache<readonly Descriptor[]>
  /** Lets one process at a time change what the manifests and tags of a repository are. */
  exclusively<T>(repository: string, work: () => Promise<T>): Promise<T>
}

/** A repository in the folder of a registry; holds nothing, so one is made for each request. */
export class FilesystemRepository implements RegistryRepository, FileBackedRepository {
  readonly name: string
  readonly #host: RepositoryHost
  readonly #paths: RepositoryPaths

  constructor(name: string, host: RepositoryHost) {
    this.name = name
    this.#host = host
    this.#paths = host.paths.repository(name)
  }

  exists(): Promise<boolean> {
    return exists(this.#paths.folder)
  }

  async blob(digest: Digest): Promise<{ readonly size: number } | undefined> {
    const [link, blob] = await Promise.all([statOf(this.#paths.blob(digest)), statOf(this.#host.paths.blob(digest))])
    return link === undefined || blob === undefined ? undefined : { size: blob.size }
  }

  async openBlob(digest: Digest, range?: ByteRange): Promise<ByteStream> {
    const blob = await this.blob(digest)
    if (blob === undefined)
      throw new GantryError(
        'not_found',
        'BLOB_UNKNOWN',
        `Cannot open blob "${digest}": repository "${this.name}" does not have it`,
      )
    return readFileStream(this.#host.paths.blob(digest), range?.start ?? 0, Math.min(range?.end ?? blob.size, blob.size))
  }

  async openBlobFile(digest: Digest): Promise<{ readonly handle: FileHandle; readonly size: number } | undefined> {
    if (!(await exists(this.#paths.blob(digest)))) return undefined
    try {
      const handle = await open(this.#host.paths.blob(digest))
      return { handle, size: (await handle.stat()).size }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async deleteBlob(digest: Digest): Promise<boolean> {
    return (await removeDurably([this.#paths.blob(digest)])) > 0
  }

  async mount(digest: Digest, from: string): Promise<boolean> {
    if ((await new FilesystemRepository(from, this.#host).blob(digest)) === undefined) return false
    await markDurably(this.#paths.blob(digest))
    return true
  }

  beginUpload(options: { readonly algorithm?: DigestAlgorithm } = {}): Promise<Upload> {
    return this.#host.uploads.begin(this.name, options.algorithm ?? 'sha256')
  }

  resumeUpload(id: string): Promise<Upload> {
    return this.#host.uploads.resume(this.name, id)
  }

  async manifest(reference: string): Promise<StoredManifest | undefined> {
    if (isDigest(reference)) {
      const link = this.#paths.manifest(reference)
      return this.#host.manifests.get(link, () => this.#loadManifest(link, reference))
    }
    const path = this.#paths.tag(reference)
    return this.#host.tagged.get(path, async () => {
      const [digest, stats] = await Promise.all([contentOf(path), statOf(path)])
      const stored = digest === undefined ? undefined : await this.manifest(digest.toString())
      return stored === undefined || stats === undefined ? stored : { ...stored, tagged: stats.mtime }
    })
  }

  putManifest(bytes: Uint8Array, { mediaType, digest, size }: Descriptor, tags: readonly string[]): Promise<void> {
    const descriptor = { mediaType, digest, size }
    const referrer = referrerOf(descriptor, bytes)
    const files: readonly DurableFile[] = [
      { path: this.#host.paths.blob(digest), data: bytes },
      ...(referrer === undefined
        ? []
        : [{ path: this.#paths.referrer(referrer.subject.digest, digest), data: JSON.stringify(referrer.referrer) }]),
      { path: this.#paths.manifest(digest), data: JSON.stringify(descriptor) },
      ...tags.map((tag) => ({ path: this.#paths.tag(tag), data: digest })),
    ]
    return this.#host.exclusively(this.name, () => writeDurably(files, this.#host.paths.temporary))
  }

  deleteManifest(digest: Digest): Promise<boolean> {
    return this.#host.exclusively(this.name, async () => {
      const stored = await this.manifest(digest)
      if (stored === undefined) return false
      const referrer = referrerOf(stored.descriptor, stored.bytes)
      const tags = (await this.tags()).map((tag) => this.#paths.tag(tag))
      const targets = await mapConcurrent(tags, 16, async (path) => (await contentOf(path))?.toString())
      await removeDurably([
        ...tags.filter((_, index) => targets[index] === digest),
        this.#paths.manifest(digest),
        ...(referrer === undefined ? [] : [this.#paths.referrer(referrer.subject.digest, digest)]),
      ])
      return true
    })
  }

  async untag(tag: string): Promise<boolean> {
    return (await removeDurably([this.#paths.tag(tag)])) > 0
  }

  async tags(page?: PageRequest): Promise<readonly string[]> {
    const { tags } = this.#paths
    const all = await this.#host.tagLists.get(tags, async () => (await readdir(tags)).map((name) => tagOfFileName(name)).sort())
    return pageOf(all ?? [], page)
  }

  async referrers(subject: Digest): Promise<readonly Descriptor[]> {
    const folder = this.#paths.referrers(subject)
    const read = async (name: string): Promise<Descriptor> => JSON.parse(await readFile(join(folder, name), 'utf8')) as Descriptor
    const load = async (): Promise<readonly Descriptor[]> => mapConcurrent((await readdir(folder)).sort(), 16, read)
    return (await this.#host.referrers.get(folder, load)) ?? []
  }

  async #loadManifest(path: string, digest: Digest): Promise<StoredManifest | undefined> {
    const [link, bytes] = await Promise.all([contentOf(path), contentOf(this.#host.paths.blob(digest))])
    if (link === undefined) return undefined
    if (bytes === undefined || digestOf(bytes, digestAlgorithm(digest)) !== digest)
      throw new GantryError(
        'data_loss',
        'MANIFEST_CORRUPT',
        `Cannot read manifest "${digest}": its bytes on disk are missing or damaged`,
        {
          hint: 'push the image again',
        },
      )
    return { descriptor: JSON.parse(link.toString()) as Descriptor, bytes }
  }
}

const statOf = async (path: string) => {
  try {
    return await stat(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

const contentOf = async (path: string): Promise<Buffer | undefined> => {
  try {
    return await readFile(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
