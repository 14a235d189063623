import type { DiskStore, Image, ImageSink, ResumableSink } from '../../content/interfaces.ts'
import { givingBack } from '../../content/giving-back.ts'
import type { LayerStore } from '../../layers/interfaces.ts'
import { compressionOf } from './unpack.ts'

/**
 * A sink whose layers that are not compressed go to the layer store alone, which keeps their tars: a blob of the content store is a
 * hard link to that. So an archive of docker's is written to the disk once. What breaks off begins anew, which on this machine is no loss.
 */
export const linkingSink = (
  sink: ImageSink & ResumableSink,
  store: DiskStore,
  layers: LayerStore,
  image: Image,
): ImageSink & ResumableSink => {
  const tars = new Map(
    image.layers.filter((layer) => compressionOf(layer) === 'none').map((layer) => [layer.blob.digest, layer.diffId]),
  )
  const writeFrom: ResumableSink['writeFrom'] = async (descriptor, open, options) => {
    const diffId = tars.get(descriptor.digest)
    // another name for the same bytes would be a damaged image, which the content store refuses
    if (diffId !== descriptor.digest) return await sink.writeFrom(descriptor, open, options)
    if (!(await layers.has(diffId))) await layers.add(diffId, givingBack(await open(0)), options)
    const file = await layers.tarFile(diffId)
    if (file === undefined) await sink.writeFrom(descriptor, open, options)
    else await store.link(descriptor, file, options)
  }
  return {
    has: async (descriptor, options) => await sink.has(descriptor, options),
    tag: async (reference, target, options) => await sink.tag(reference, target, options),
    write: async (descriptor, bytes, options) => await writeFrom(descriptor, async () => bytes, options),
    writeFrom,
  }
}
