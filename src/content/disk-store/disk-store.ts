import { rmSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { GantryError, throwIfAborted } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import { Leases } from '../../lib/leases.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import { blobPath, blobSize, hasBlob, listBlobs, noSuchBlob, openBlob, readBlobFile } from '../blob-files.ts'
import { describeManifest } from '../describe-manifest.ts'
import { readFileStream } from '../file-stream.ts'
import type { ContentSource, DiskStore, Garbage, NamedDescriptor, TransferOptions } from '../interfaces.ts'
import { isLayoutFolder, layoutMarker } from '../layout-index.ts'
import { drain, verified } from '../verify.ts'
import { explainWriteFailure } from './explain-failure.ts'
import { findGarbage, removeLeftovers } from './garbage.ts'
import { arrived, ingestFile, ingestKnown, ingestUnknown } from './ingest.ts'
import { addName, changeNames, listNames, removeName } from './names.ts'
import { keepReserve, withReserve } from './reserve.ts'

export type { DiskStore, NamedDescriptor } from '../interfaces.ts'

export interface OpenDiskStoreOptions {
  readonly folder: string
  /** The leases of this process, where other stores share them. Default: those in `leases/` of the folder. */
  readonly leases?: Leases
}

/**
 * Opens the store in a folder, which is made where it is missing. Besides the layout it keeps `ingest/`, what has arrived of blobs that
 * are under way, `locks/`, and `reserve`, room to remove names with when the disk is full.
 */
export const openDiskStore = async ({ folder, leases }: OpenDiskStoreOptions): Promise<DiskStore> => {
  if (!isLayoutFolder(folder)) {
    await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true })
    await writeFileAtomic(join(folder, 'oci-layout'), layoutMarker)
    keepReserve(folder)
  }
  return new LayoutStore(folder, leases ?? new Leases(join(folder, 'leases')))
}

class LayoutStore implements DiskStore {
  readonly folder: string
  readonly leases: Leases

  constructor(folder: string, leases: Leases) {
    this.folder = folder
    this.leases = leases
  }

  #lockPath(name: string): string {
    return join(this.folder, 'locks', name)
  }

  async has(descriptor: Descriptor): Promise<boolean> {
    await this.leases.rely([descriptor.digest])
    return hasBlob(this.folder, descriptor)
  }

  async open(descriptor: Descriptor, options?: Parameters<ContentSource['open']>[1]): Promise<ByteStream> {
    return openBlob(this.folder, descriptor, options)
  }

  read(descriptor: Descriptor, limit?: number): Buffer {
    return readBlobFile(this.folder, descriptor, limit)
  }

  list(): AsyncIterable<{ readonly digest: Digest; readonly size: number }> {
    return listBlobs(this.folder)
  }

  async write(descriptor: Descriptor, bytes: ByteStream, options: Abortable = {}): Promise<void> {
    let opened = false
    const open = async (): Promise<ByteStream> => {
      opened = true
      return bytes
    }
    try {
      await this.#write(descriptor, open, { ...options, resume: false })
    } finally {
      if (!opened) await bytes[Symbol.asyncIterator]().return?.()
    }
  }

  async writeFrom(
    descriptor: Descriptor,
    open: (offset: number) => Promise<ByteStream>,
    options: TransferOptions = {},
  ): Promise<void> {
    await this.#write(descriptor, open, { ...options, resume: true })
  }

  async #write(
    descriptor: Descriptor,
    open: (offset: number) => Promise<ByteStream>,
    options: TransferOptions & { readonly resume: boolean },
  ): Promise<void> {
    throwIfAborted(options.signal)
    await using _lease = await this.lease()
    if (await this.has(descriptor)) return
    try {
      await ingestKnown(this.folder, descriptor, open, { ...options, leases: this.leases })
    } catch (error) {
      throw explainWriteFailure(error, this.folder, descriptor, arrived(this.folder, descriptor))
    }
  }

  async ingest(bytes: ByteStream, mediaType: string, options: Abortable = {}): Promise<Descriptor> {
    await using _lease = await this.lease()
    return { mediaType, ...(await ingestUnknown(this.folder, bytes, { ...options, leases: this.leases })) }
  }

  async link(descriptor: Descriptor, path: string, options: Abortable & { readonly verify?: boolean } = {}): Promise<void> {
    await using _lease = await this.lease()
    if (await this.has(descriptor)) return
    const { size } = statSync(path)
    if (size !== descriptor.size)
      throw new GantryError(
        'data_loss',
        'SIZE_MISMATCH',
        `Cannot take "${path}": it has ${size} bytes and not ${descriptor.size}`,
      )
    if (options.verify === true) await drain(verified(readFileStream(path, 0, size, options), descriptor))
    await ingestFile(this.folder, descriptor.digest, path, this.leases)
  }

  async delete(digest: Digest): Promise<boolean> {
    if (blobSize(this.folder, digest) === undefined) return false
    rmSync(blobPath(this.folder, digest), { force: true })
    return true
  }

  async resolve(reference: string): Promise<Descriptor> {
    const named = listNames(this.folder)
    const found = named.find(({ name, descriptor }) => (name ?? descriptor.digest) === reference)
    if (found !== undefined) return found.descriptor
    if (!isDigest(reference))
      throw new GantryError('not_found', 'NAME_UNKNOWN', `Cannot find "${reference}": it is not in the local store`)
    const entry = named.find(({ descriptor }) => descriptor.digest === reference)
    return entry?.descriptor ?? describeManifest(this, reference, blobSize(this.folder, reference))
  }

  async names(): Promise<readonly NamedDescriptor[]> {
    return listNames(this.folder)
  }

  async tag(reference: string, target: Descriptor, options?: Abortable): Promise<void> {
    // whatever it leads to stays until the name does that
    await using _lease = await this.lease()
    if (!(await this.has(target))) throw noSuchBlob(target.digest, 'the local store')
    await changeNames(this.folder, this.#lockPath('names'), (entries) => addName(entries, reference, target), options)
  }

  async retag(name: string, before: Digest, target: Descriptor, options?: Abortable): Promise<void> {
    await using _lease = await this.lease()
    if (!(await this.has(target))) throw noSuchBlob(target.digest, 'the local store')
    const change: Parameters<typeof changeNames>[2] = (entries) =>
      entries.some((entry) => entry.name === name && entry.descriptor.digest === before)
        ? addName(entries, name, target)
        : entries
    await changeNames(this.folder, this.#lockPath('names'), change, options)
  }

  async untag(name: string, target?: Digest): Promise<boolean> {
    return await withReserve(
      this.folder,
      async () => await changeNames(this.folder, this.#lockPath('names'), (entries) => removeName(entries, name, target)),
    )
  }

  async lease(): Promise<AsyncDisposable> {
    return await this.leases.take()
  }

  garbage(used: ReadonlySet<string>, partialsBefore?: number): AsyncIterable<Garbage> {
    return findGarbage(this, used, partialsBefore)
  }

  async removeLeftovers(): Promise<void> {
    await removeLeftovers(this.folder, this.leases, this.#lockPath('names'))
    keepReserve(this.folder)
  }
}
