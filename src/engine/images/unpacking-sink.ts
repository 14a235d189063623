import type { DiskStore } from '../../content/disk-store/disk-store.ts'
import type { Image, ImageSink, ResumableSink } from '../../content/interfaces.ts'
import { teeStream } from '../../content/tee.ts'
import type { LayerStore } from '../../layers/interfaces.ts'
import { compressionOf } from './unpack.ts'

/**
 * The content store as a sink that gives the bytes of the image's layers to the layer store too while they arrive, so that each
 * byte is fetched, hashed and inflated once. A blob that goes on from a partial download is indexed afterwards, from the store.
 */
export const unpackingSink = (store: DiskStore, layers: LayerStore, image: Image): ImageSink & ResumableSink => {
  const byBlob = new Map(image.layers.map((layer) => [layer.blob.digest, layer]))
  return {
    has: async (descriptor, options) => await store.has(descriptor, options),
    tag: async (reference, target, options) => await store.tag(reference, target, options),
    partial: async (descriptor) => await store.partial(descriptor),
    write: async (descriptor, bytes, options = {}) => {
      const layer = byBlob.get(descriptor.digest)
      if (layer === undefined || (options.offset ?? 0) > 0 || (await layers.has(layer.diffId))) {
        await store.write(descriptor, bytes, options)
        return
      }
      const [kept, unpacked] = teeStream(bytes, 2)
      const signal = options.signal === undefined ? {} : { signal: options.signal }
      const results = await Promise.allSettled([
        store.write(descriptor, kept, options),
        layers.add(layer.diffId, unpacked, { compression: compressionOf(layer), ...signal }),
      ])
      for (const result of results) if (result.status === 'rejected') throw result.reason
    },
  }
}
