import { writeArchive } from '../../content/archive/write-archive.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import type { Engine } from '../engine.ts'
import { compressImage, type CompressionOptions } from './compress.ts'
import { findImage } from './lookup.ts'

/** Images as one archive that is an OCI archive and a docker archive at once; by ID they have no name in it. */
export const saveImages = async (
  engine: Engine,
  texts: readonly string[],
  options: Abortable & CompressionOptions = {},
): Promise<ByteStream> => {
  const store = await engine.content()
  const images = []
  for (const text of texts) {
    const found = await findImage(engine, text)
    const target = await compressImage(engine, found.target, found.image, options)
    images.push({ target, names: found.name === undefined ? [] : [found.name] })
  }
  return writeArchive(store, images, options)
}
