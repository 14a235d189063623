import { randomBytes } from 'node:crypto'
import { mkdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Abortable, ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { writeFileAtomic } from '../lib/files.ts'
import { KeyedMutex } from '../lib/keyed-mutex.ts'
import { placeDurably } from '../lib/place-durably.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { blobPath, blobSize, hasBlob, noSuchBlob, openBlob, readBlobFile } from './blob-files.ts'
import { addName } from './disk-store/names.ts'
import type { ContentSource, ImageArchive, ImageSink, NamedDescriptor } from './interfaces.ts'
import { layoutImages, resolveInLayout } from './layout-images.ts'
import { encodeLayoutIndex, isLayoutFolder, layoutMarker, readLayoutIndex } from './layout-index.ts'
import { verified } from './verify.ts'
import { writeNewFile } from './write-stream.ts'

/** An OCI layout folder of somebody else's, to read and to add to; nothing besides the layout is put there. One process at a time may write. */
export interface Layout extends ImageArchive, ImageSink {
  readonly folder: string
}

/** Opens an OCI layout folder; `not_found` NO_LAYOUT if it is none, unless `create`. */
export const openLayout = async (folder: string, options: { readonly create?: boolean } = {}): Promise<Layout> => {
  if (!isLayoutFolder(folder)) {
    if (options.create !== true)
      throw new GantryError('not_found', 'NO_LAYOUT', `Cannot open "${folder}": it is no OCI layout`, {
        hint: 'it would have a file called oci-layout',
      })
    await mkdir(join(folder, 'blobs', 'sha256'), { recursive: true })
    await writeFileAtomic(join(folder, 'index.json'), encodeLayoutIndex(readLayoutIndex(folder)))
    await writeFileAtomic(join(folder, 'oci-layout'), layoutMarker)
  }
  return new FolderLayout(folder)
}

class FolderLayout implements Layout {
  readonly folder: string
  readonly #naming = new KeyedMutex()

  constructor(folder: string) {
    this.folder = folder
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

  async images(): Promise<readonly NamedDescriptor[]> {
    return layoutImages(readLayoutIndex(this.folder).entries)
  }

  async resolve(reference: string): Promise<Descriptor> {
    const { entries } = readLayoutIndex(this.folder)
    return resolveInLayout(entries, reference, `"${this.folder}"`, this, (digest) => blobSize(this.folder, digest))
  }

  async write(descriptor: Descriptor, bytes: ByteStream, options: Abortable = {}): Promise<void> {
    if (hasBlob(this.folder, descriptor)) return void (await bytes[Symbol.asyncIterator]().return?.())
    const path = blobPath(this.folder, descriptor.digest)
    const temporary = join(this.folder, `.${randomBytes(12).toString('hex')}.tmp`)
    await mkdir(dirname(path), { recursive: true })
    await writeNewFile(temporary, verified(bytes, descriptor), options)
    await placeDurably({ path, contents: [temporary], place: async () => await rename(temporary, path) })
  }

  async tag(reference: string, target: Descriptor): Promise<void> {
    if (!hasBlob(this.folder, target)) throw noSuchBlob(target.digest, `"${this.folder}"`)
    await this.#naming.run('', async () => {
      const { rest, entries } = readLayoutIndex(this.folder)
      await writeFileAtomic(
        join(this.folder, 'index.json'),
        encodeLayoutIndex({ rest, entries: addName(entries, reference, target) }),
      )
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // nothing is held open
  }
}
