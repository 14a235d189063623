import type { ContentSink } from '../content/interfaces.ts'
import { streamOf, type Abortable } from '../lib/bytes.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { describe, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'

/** Writes an index over manifests that are in the sink already, and answers it: the same bytes for the same entries. */
export const writeIndex = async (
  sink: ContentSink,
  manifests: readonly Descriptor[],
  options: Abortable & { readonly annotations?: Readonly<Record<string, string>> } = {},
): Promise<Descriptor> => {
  const { annotations = {}, ...abortable } = options
  const sorted = Object.entries(annotations).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests,
    ...(sorted.length === 0 ? {} : { annotations: Object.fromEntries(sorted) }),
  })
  const descriptor = describe(bytes, mediaTypes.ociIndex)
  await sink.write(descriptor, streamOf(bytes), abortable)
  return descriptor
}
