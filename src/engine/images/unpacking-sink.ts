import type { DiskStore, Image, ImageLayer, ImageSink, ResumableSink } from '../../content/interfaces.ts'
import { givingBack } from '../../content/giving-back.ts'
import { teeStream } from '../../content/tee.ts'
import type { LayerStore } from '../../layers/interfaces.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { nameImage } from './names.ts'
import { compressionOf } from './unpack.ts'

/**
 * The content store as a sink that gives the bytes of the image's layers to the layer store too while they arrive, so that each
 * byte is fetched, hashed and inflated once. A blob that goes on from a partial download is unpacked afterwards, from the store.
 */
export const unpackingSink = (store: DiskStore, layers: LayerStore, image: Image): ImageSink & ResumableSink => {
  const byBlob = new Map(image.layers.map((layer) => [layer.blob.digest, layer]))
  const writeFrom: ResumableSink['writeFrom'] = async (descriptor, open, options) => {
    const layer = byBlob.get(descriptor.digest)
    const openAt = async (offset: number): Promise<ByteStream> => givingBack(await open(offset))
    if (layer === undefined || (await layers.has(layer.diffId))) {
      await store.writeFrom(descriptor, openAt, options)
      return
    }
    const unpacking = new Unpacking(layers, layer, options)
    try {
      await store.writeFrom(descriptor, async (offset) => unpacking.tee(await openAt(offset), offset), options)
    } finally {
      await unpacking.settled()
    }
  }
  return {
    has: async (descriptor, options) => await store.has(descriptor, options),
    tag: async (reference, target) => await nameImage(store, reference, target),
    write: async (descriptor, bytes, options) => await writeFrom(descriptor, async () => bytes, options),
    writeFrom,
  }
}

/** The unpacking of one layer beside its download; started anew if the download is. */
class Unpacking {
  readonly #layers: LayerStore
  readonly #layer: ImageLayer
  readonly #options: Abortable
  #work: Promise<unknown> = Promise.resolve()

  constructor(layers: LayerStore, layer: ImageLayer, options: Abortable = {}) {
    this.#layers = layers
    this.#layer = layer
    this.#options = options
  }

  tee(bytes: ByteStream, offset: number): ByteStream {
    if (offset > 0) return bytes
    const [kept, unpacked] = teeStream(bytes, 2) as readonly [ByteStream, ByteStream]
    const before = this.#work
    const { signal } = this.#options
    this.#work = (async () => {
      try {
        await before.catch(() => undefined)
        await this.#layers.add(this.#layer.diffId, unpacked, {
          compression: compressionOf(this.#layer),
          size: this.#layer.blob.size,
          ...(signal === undefined ? {} : { signal }),
        })
      } finally {
        // one that failed before it read anything would hold the download up for ever
        await unpacked[Symbol.asyncIterator]().return?.()
      }
    })()
    this.#work.catch(() => undefined)
    return kept
  }

  async settled(): Promise<void> {
    await this.#work
  }
}
