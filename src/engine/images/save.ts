import { writeArchive } from '../../content/archive/write-archive.ts'
import type { DiskStore } from '../../content/interfaces.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import type { Platform } from '../../oci/descriptor.ts'
import type { Engine } from '../engine.ts'
import { compressImage, type CompressionOptions } from './compress.ts'
import { findImage } from './lookup.ts'

export interface SaveOptions extends Abortable, CompressionOptions {
  /** Only the image for this platform, without the index; default: all of an index that is here. */
  readonly platform?: Platform
}

/** Images as one archive that is an OCI archive and a docker archive at once; by ID they have no name in it. */
export const saveImages = async (engine: Engine, texts: readonly string[], options: SaveOptions = {}): Promise<ByteStream> => {
  const store = await engine.content()
  const lease = await store.lease()
  try {
    return holding(lease, await writeImages(engine, store, texts, options))
  } catch (error) {
    await lease[Symbol.asyncDispose]()
    throw error
  }
}

/** A stream that ends a lease with itself. */
async function* holding(lease: AsyncDisposable, stream: ByteStream): ByteStream {
  await using _lease = lease
  yield* stream
}

const writeImages = async (
  engine: Engine,
  store: DiskStore,
  texts: readonly string[],
  options: SaveOptions,
): Promise<ByteStream> => {
  const { platform } = options
  const images = []
  for (const text of texts) {
    const found = await findImage(engine, text, options)
    const chosen = platform === undefined ? found.target : found.image.descriptor
    const target = await compressImage(engine, chosen, found.image, options)
    images.push({ target, names: found.name === undefined ? [] : [found.name] })
  }
  return await writeArchive(store, images, { ...options, platform: platform ?? engine.options.platform })
}
