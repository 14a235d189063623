import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest } from '../../oci/digest.ts'
import type { ImageSink } from '../interfaces.ts'
import { openLayout } from '../layout.ts'
import { writeArchive, type WriteArchiveOptions } from './write-archive.ts'

/** A sink whose images become one archive. Closing it removes what it had gathered. */
export interface ArchiveSink extends ImageSink, AsyncDisposable {
  /** All that was named so far as an archive, see writeArchive(); a bare digest as the name gives an image without one. */
  archive(options?: WriteArchiveOptions): Promise<ByteStream>
}

/** Gathers blobs, which come in any order, as a layout in the temporary folder, since the bytes of an archive have one order only. */
export const openArchiveSink = async ({ temporaryFolder }: { readonly temporaryFolder: string }): Promise<ArchiveSink> => {
  await mkdir(temporaryFolder, { recursive: true })
  const folder = await mkdtemp(join(temporaryFolder, 'archive-'))
  const layout = await openLayout(folder, { create: true })
  const has = async (descriptor: Descriptor): Promise<boolean> => await layout.has(descriptor)
  const write = async (descriptor: Descriptor, bytes: ByteStream, options?: Abortable): Promise<void> =>
    await layout.write(descriptor, bytes, options)
  const named = new Map<string, Descriptor>()
  const tag = async (reference: string, target: Descriptor): Promise<void> => {
    await layout.tag(reference, target)
    named.set(reference, target)
  }
  const archive = async (options?: WriteArchiveOptions): Promise<ByteStream> => {
    const images = [...named].map(([name, target]) => ({ target, names: isDigest(name) ? [] : [name] }))
    return await writeArchive(layout, images, options)
  }
  return { has, write, tag, archive, [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true, force: true }) }
}
