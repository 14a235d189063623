import { readdirSync, rmSync, statSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { GantryError, throwIfAborted } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import { tryLock, withLock } from '../../lib/lock.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import { blobPath, blobSize, hasBlob, listBlobs, noSuchBlob, openBlob, readBlobFile } from '../blob-files.ts'
import { describeManifest } from '../describe-manifest.ts'
import { readFileStream } from '../file-stream.ts'
import type { ContentSource, DiskStore, NamedDescriptor, TransferOptions } from '../interfaces.ts'
import { isLayoutFolder, layoutMarker } from '../layout-index.ts'
import { drain, verified } from '../verify.ts'
import { arrived, ingestFile, ingestFolder, ingestKnown, ingestUnknown } from './ingest.ts'
import { explainWriteFailure } from './explain-failure.ts'
import { Leases } from './leases.ts'
import { addName, changeNames, listNames, removeName } from './names.ts'

export type { DiskStore, NamedDescriptor } from '../interfaces.ts'

/**
 * Opens the store in a folder, which is made where it is missing. Besides the layout it keeps `ingest/`, what has arrived of blobs that
 * are under way, and `locks/`.
 */
export const openDiskStore = async ({ folder }: { readonly folder: string }): Promise<DiskStore> => {
  if (!isLayoutFolder(folder)) {
    await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true })
    await writeFileAtomic(join(folder, 'oci-layout'), layoutMarker)
  }
  return new LayoutStore(folder)
}

class LayoutStore implements DiskStore {
  readonly folder: string
  readonly #leases: Leases

  constructor(folder: string) {
    this.folder = folder
    this.#leases = new Leases(this.#lockPath('lease'))
  }

  #lockPath(name: string): string {
    return join(this.folder, 'locks', name)
  }

  async has(descriptor: Descriptor): Promise<boolean> {
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
    if (hasBlob(this.folder, descriptor)) return
    try {
      await using _lease = await this.lease()
      await ingestKnown(this.folder, descriptor, open, options)
    } catch (error) {
      throw explainWriteFailure(error, this.folder, descriptor, arrived(this.folder, descriptor))
    }
  }

  async ingest(bytes: ByteStream, mediaType: string, options: Abortable = {}): Promise<Descriptor> {
    await using _lease = await this.lease()
    return { mediaType, ...(await ingestUnknown(this.folder, bytes, options)) }
  }

  async link(descriptor: Descriptor, path: string, options: Abortable & { readonly verify?: boolean } = {}): Promise<void> {
    if (hasBlob(this.folder, descriptor)) return
    await using _lease = await this.lease()
    const { size } = statSync(path)
    if (size !== descriptor.size)
      throw new GantryError(
        'data_loss',
        'SIZE_MISMATCH',
        `Cannot take "${path}": it has ${size} bytes and not ${descriptor.size}`,
      )
    if (options.verify === true) await drain(verified(readFileStream(path, 0, size, options), descriptor))
    await ingestFile(this.folder, descriptor.digest, path)
  }

  async delete(digest: Digest): Promise<boolean> {
    if (blobSize(this.folder, digest) === undefined) return false
    await rm(blobPath(this.folder, digest), { force: true })
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
    if (!hasBlob(this.folder, target)) throw noSuchBlob(target.digest, 'the local store')
    await changeNames(this.folder, this.#lockPath('names'), (entries) => addName(entries, reference, target), options)
  }

  async untag(name: string): Promise<boolean> {
    return await changeNames(this.folder, this.#lockPath('names'), (entries) => removeName(entries, name))
  }

  async lease(): Promise<AsyncDisposable> {
    return await this.#leases.take()
  }

  async tryExclusive(): Promise<AsyncDisposable | undefined> {
    return await tryLock(this.#lockPath('lease'), 'exclusive')
  }

  async sweep(before: number): Promise<void> {
    const ingest = ingestFolder(this.folder)
    const files = statSync(ingest, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(ingest)
    const old = (path: string): boolean => (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) < before
    // nobody writes: what is temporary has lost its writer, and so have all locks
    for (const name of files)
      if (/\.(?:tmp|lock)$/.test(name) || old(join(ingest, name))) rmSync(join(ingest, name), { force: true })
    await withLock(this.#lockPath('names'), 'exclusive', async () => {
      for (const name of readdirSync(this.folder)) if (/^\..*\.tmp$/.test(name)) rmSync(join(this.folder, name), { force: true })
    })
  }
}
