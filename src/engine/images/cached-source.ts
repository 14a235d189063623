import type { ContentSource, ImageSource } from '../../content/interfaces.ts'
import { collect, streamOf } from '../../lib/bytes.ts'
import type { Digest } from '../../oci/digest.ts'
import { isConfigType, isIndexType, isManifestType } from '../../oci/media-type.ts'

const limit = 4 * 1024 * 1024

/** A source that remembers manifests, indexes and configs in memory, and takes them from `near` where that has them: each is fetched once. */
export const cachedSource = (source: ImageSource, near: ContentSource): ImageSource => {
  const cache = new Map<Digest, Buffer>()
  return {
    has: async (descriptor, options) => await source.has(descriptor, options),
    resolve: async (reference, options) => await source.resolve(reference, options),
    open: async (descriptor, options) => {
      const { mediaType, digest, size } = descriptor
      if (
        size > limit ||
        !(isManifestType(mediaType) || isIndexType(mediaType) || isConfigType(mediaType)) ||
        options?.range !== undefined
      )
        return await source.open(descriptor, options)
      let bytes = cache.get(digest)
      if (bytes === undefined) {
        const from = (await near.has(descriptor)) ? near : source
        bytes = await collect(await from.open(descriptor, options), limit, `the manifest or config ${digest}`)
        cache.set(digest, bytes)
      }
      return streamOf(bytes)
    },
  }
}
