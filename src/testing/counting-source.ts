import type { ImageSource } from '../content/interfaces.ts'
import type { ByteStream } from '../lib/bytes.ts'
import type { Digest } from '../oci/digest.ts'

/** What was asked of a source: how often each blob was opened, and how many bytes of it were read. */
export interface CountingSource extends ImageSource {
  readonly opened: ReadonlyMap<Digest, number>
  readonly bytes: ReadonlyMap<Digest, number>
  /** Streams that were opened and have neither ended nor been returned. */
  readonly unfinished: number
  readonly resolved: number
}

/** The same source, counting what is asked of it. */
export const countingSource = (source: ImageSource): CountingSource => {
  const opened = new Map<Digest, number>()
  const bytes = new Map<Digest, number>()
  let unfinished = 0
  let resolved = 0
  const count = (counts: Map<Digest, number>, digest: Digest, by: number): void =>
    void counts.set(digest, (counts.get(digest) ?? 0) + by)
  async function* counted(stream: ByteStream, digest: Digest): ByteStream {
    unfinished++
    try {
      for await (const chunk of stream) {
        count(bytes, digest, chunk.length)
        yield chunk
      }
    } finally {
      unfinished--
    }
  }
  return {
    opened,
    bytes,
    get unfinished() {
      return unfinished
    },
    get resolved() {
      return resolved
    },
    has: async (descriptor, options) => await source.has(descriptor, options),
    resolve: async (reference, options) => {
      resolved++
      return await source.resolve(reference, options)
    },
    open: async (descriptor, options) => {
      count(opened, descriptor.digest, 1)
      return counted(await source.open(descriptor, options), descriptor.digest)
    },
  }
}
