import { streamOf, type ByteStream } from '../../lib/bytes.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { manifestLimit } from '../../oci/manifest.ts'
import { noSuchBlob } from '../blob-files.ts'
import type { ContentSource, ImageArchive, NamedDescriptor } from '../interfaces.ts'
import { layoutImages, resolveInLayout } from '../layout-images.ts'
import type { LayoutEntry } from '../layout-index.ts'
import { verified, verifyBytes } from '../verify.ts'
import type { TarFile, TarFiles } from './tar-files.ts'

/** What a tar archive of images holds. */
export interface ArchiveContents {
  /** Where a blob stands. */
  readonly place: (digest: Digest) => TarFile | undefined
  /** Manifests that the archive does not have but stands for. */
  readonly manifests: ReadonlyMap<Digest, Buffer>
  readonly entries: readonly LayoutEntry[]
}

/** Images in a tar, read where they stand. */
export class TarArchive implements ImageArchive {
  readonly #files: TarFiles
  readonly #contents: ArchiveContents
  readonly #close: () => Promise<void>

  constructor(files: TarFiles, contents: ArchiveContents, close: () => Promise<void>) {
    this.#files = files
    this.#contents = contents
    this.#close = close
  }

  #sizeOf(digest: Digest): number | undefined {
    return this.#contents.manifests.get(digest)?.length ?? this.#contents.place(digest)?.size
  }

  #place(digest: Digest): TarFile {
    const file = this.#contents.place(digest)
    if (file === undefined) throw noSuchBlob(digest, 'the archive')
    return file
  }

  async has({ digest, size }: Descriptor): Promise<boolean> {
    return this.#sizeOf(digest) === size
  }

  async open(descriptor: Descriptor, options: Parameters<ContentSource['open']>[1] = {}): Promise<ByteStream> {
    const manifest = this.#contents.manifests.get(descriptor.digest)
    const { range } = options
    const stream =
      manifest === undefined
        ? this.#files.stream(this.#place(descriptor.digest), options)
        : streamOf(manifest.subarray(range?.start ?? 0, range?.end))
    return range === undefined ? verified(stream, descriptor) : stream
  }

  read(descriptor: Descriptor, limit: number = manifestLimit): Buffer {
    const bytes = this.#contents.manifests.get(descriptor.digest) ?? this.#files.read(this.#place(descriptor.digest), limit)
    verifyBytes(bytes, descriptor)
    return bytes
  }

  async resolve(reference: string): Promise<Descriptor> {
    return resolveInLayout(this.#contents.entries, reference, 'the archive', this, (digest) => this.#sizeOf(digest))
  }

  async images(): Promise<readonly NamedDescriptor[]> {
    return layoutImages(this.#contents.entries)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }
}
