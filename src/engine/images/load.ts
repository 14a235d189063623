import { openArchive } from '../../content/archive/open-archive.ts'
import { copy } from '../../content/copy.ts'
import { readImage } from '../../content/image.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import type { Platform } from '../../oci/descriptor.ts'
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

export interface LoadOptions extends Abortable {
  /** Only the image for this platform of each index; `not_found` where there is none. */
  readonly platform?: Platform
}

/** Loads every image of an archive (a file, an OCI layout folder, or a stream) and makes it ready to run. */
export const loadImages = async (
  engine: Engine,
  source: string | ByteStream,
  options: LoadOptions = {},
): Promise<readonly LoadedImage[]> => {
  const { platform } = options
  const store = await engine.content()
  await using _lease = await store.lease()
  await using archive = await openArchive(source, { temporaryFolder: engine.path('tmp'), ...options })
  const layers = await engine.layers()
  const loaded: LoadedImage[] = []
  for (const { descriptor, name } of await archive.images()) {
    // what refers to an image lies beside it without a name, and is none
    if (name === undefined && descriptor.artifactType !== undefined) continue
    const choice = platform === undefined ? ({ platform: engine.options.platform, fallback: 'any' } as const) : { platform }
    const image = await readImage(archive, descriptor, choice)
    const sink = linkingSink(unpackingSink(store, layers, image), store, layers, image)
    await copy(archive, sink, {
      from: descriptor,
      to: name ?? descriptor.digest,
      until: 'received',
      platform: platform ?? 'all',
      sparse: 'keep',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    await unpackImage(layers, store, image, options)
    loaded.push({ id: image.manifest.config.digest, ...(name === undefined ? {} : { name }) })
  }
  return loaded
}
