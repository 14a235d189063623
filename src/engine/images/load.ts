import { openArchive } from '../../content/archive/open-archive.ts'
import { copy } from '../../content/copy.ts'
import { readImage } from '../../content/image.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Engine } from '../engine.ts'
import { linkingSink } from './linking-sink.ts'
import { unpackingSink } from './unpacking-sink.ts'
import { unpackImage } from './unpack.ts'

export interface LoadedImage {
  /** Full reference, if the archive names the image. */
  readonly name?: string
  readonly id: Digest
}

/** Loads every image of an archive (a file, an OCI layout folder, or a stream) and makes it ready to run. */
export const loadImages = async (
  engine: Engine,
  source: string | ByteStream,
  options: Abortable = {},
): Promise<readonly LoadedImage[]> => {
  const store = await engine.content()
  await using _lease = await store.lease()
  await using archive = await openArchive(source, { temporaryFolder: engine.path('tmp'), ...options })
  const layers = await engine.layers()
  const loaded: LoadedImage[] = []
  for (const { descriptor, name } of await archive.images()) {
    const image = await readImage(archive, descriptor, { platform: engine.options.platform, fallback: 'any' })
    const sink = linkingSink(unpackingSink(store, layers, image), store, layers, image)
    await copy(archive, sink, {
      from: descriptor,
      to: name ?? descriptor.digest,
      until: 'received',
      platform: 'all',
      sparse: 'keep',
      ...options,
    })
    await unpackImage(layers, store, image, options)
    loaded.push({ id: image.manifest.config.digest, ...(name === undefined ? {} : { name }) })
  }
  return loaded
}
