import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { createImage } from '../../src/content/mutate.ts'
import type { ContentSink } from '../../src/content/interfaces.ts'
import { collect, streamOf } from '../../src/lib/bytes.ts'
import { writeTar } from '../../src/lib/tar/writer.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { describe } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'

/** An image with a layer of each size (bytes), each a gzip that did not become smaller. */
export interface LargeImage {
  readonly target: Descriptor
  readonly layers: readonly Descriptor[]
}

/** A layer with one file of random bytes. */
export const largeLayer = async (size: number): Promise<{ readonly blob: Buffer; readonly tar: Buffer }> => {
  const body = randomBytes(size)
  const entry = { name: 'file', kind: 'file', mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 1, nanoseconds: 0 }, size } as const
  const tar = await collect(writeTar([{ ...entry, body: streamOf(body) }]), 2 * size + 10_000)
  return { tar, blob: gzipSync(tar, { level: 0 }) }
}

/** Writes an image with layers of these sizes; `shared` ones come first. */
export const writeLargeImage = async (
  sink: ContentSink,
  sizes: readonly number[],
  shared: readonly { readonly blob: Buffer; readonly tar: Buffer }[] = [],
): Promise<LargeImage> => {
  const own = await Promise.all(sizes.map(async (size) => await largeLayer(size)))
  const layers = []
  for (const [index, { blob, tar }] of [...shared, ...own].entries()) {
    const descriptor = describe(blob, mediaTypes.ociLayerGzip)
    await sink.write(descriptor, streamOf(blob))
    layers.push({ descriptor, diffId: digestOf(tar), history: { created_by: `layer ${index}` } })
  }
  const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] }, config: {} } as const
  const target = await createImage(sink, { config, layers })
  return { target, layers: layers.map(({ descriptor }) => descriptor) }
}
