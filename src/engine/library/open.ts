import { readImage } from '../../content/image.ts'
import type { ContentSource, Image, ImageLayer } from '../../content/interfaces.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { decompress } from '../../lib/compression.ts'
import { readTar, type TarEntryWithBody } from '../../lib/tar/reader.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import type { Engine } from '../engine.ts'
import { compressionOf } from '../images/unpack.ts'
import { parseLocation } from '../locations/location.ts'
import { openSource, type OpenedSource } from '../locations/open-source.ts'
import { readImageFile } from './read-image-file.ts'
import { createEngine, platformOption, signalOf, type LibraryOptions } from './options.ts'

/** A layer that is read where it is; nothing of it is kept. */
export interface OpenedLayer extends ImageLayer {
  /** The entries of its tar, in their order; the body of one must be read before the next is asked for. */
  entries(options?: Abortable): AsyncIterable<TarEntryWithBody>
  /** The uncompressed tar. */
  tar(options?: Abortable): ByteStream
}

/** An image of one platform, read where it is. */
export interface OpenedImage extends Omit<Image, 'layers'>, AsyncDisposable {
  /** What the reference names: the image's manifest, or the index that it is in. */
  readonly target: Descriptor
  /** Base first. */
  readonly layers: readonly OpenedLayer[]
  /**
   * A file as a container of the image would see it, symlinks followed. `not_found` if there is none, `resource_exhausted` for one of
   * more than `limit` bytes (default 64 MiB). Layers are read from the last until the file is found.
   */
  read(path: string, options?: Abortable & { readonly limit?: number }): Promise<Buffer>
}

export interface OpenOptions extends LibraryOptions {
  /** `linux/arm64`; default this machine's. */
  readonly platform?: string | Platform
}

/** Opens an image in a registry, a layout, an archive or the local store to look into it. Close it with `await using`, or by its dispose. */
export const open = async (reference: string, options: OpenOptions = {}): Promise<OpenedImage> => {
  const engine = options.engine ?? createEngine(options)
  const own = options.engine === undefined ? engine : undefined
  try {
    const opened = await openSource(engine, parseLocation(reference), signalOf(options))
    try {
      return await read(engine, opened, own, options)
    } catch (error) {
      await opened[Symbol.asyncDispose]()
      throw error
    }
  } catch (error) {
    await own?.[Symbol.asyncDispose]()
    throw error
  }
}

const read = async (
  engine: Engine,
  opened: OpenedSource,
  own: Engine | undefined,
  options: OpenOptions,
): Promise<OpenedImage> => {
  const { source, reference } = opened
  const target = await source.resolve(reference, signalOf(options))
  const { platform } = options
  const image = await readImage(source, target, {
    ...signalOf(options),
    platform: platform === undefined ? engine.options.platform : platformOption(engine, platform),
    fallback: platform === undefined,
  })
  const layers = image.layers.map((layer) => openLayer(source, layer))
  return {
    ...image,
    target,
    layers,
    read: async (path, fileOptions = {}) => await readImageFile(layers, path, fileOptions),
    [Symbol.asyncDispose]: async () => {
      await opened[Symbol.asyncDispose]()
      await own?.[Symbol.asyncDispose]()
    },
  }
}

const openLayer = (source: ContentSource, layer: ImageLayer): OpenedLayer => {
  async function* tar(options: Abortable = {}): ByteStream {
    const blob = await source.open(layer.blob, options)
    const compression = compressionOf(layer)
    yield* compression === 'none' ? blob : decompress(blob, compression)
  }
  return { ...layer, tar, entries: (options) => readTar(tar(options)) }
}
