import type { ContentSink } from '../content/interfaces.ts'
import type { ImageTypes } from '../content/mutate.ts'
import { streamOf, type Abortable } from '../lib/bytes.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { describe, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'

export interface IndexOptions extends Abortable {
  /** Default `oci`. */
  readonly mediaTypes?: ImageTypes
  /** OCI only. */
  readonly annotations?: Readonly<Record<string, string>>
}

/** Writes an index over manifests that are in the sink already, and answers it: the same bytes for the same entries. */
export const writeIndex = async (
  sink: ContentSink,
  manifests: readonly Descriptor[],
  options: IndexOptions = {},
): Promise<Descriptor> => {
  const { annotations = {}, mediaTypes: family = 'oci', ...abortable } = options
  const mediaType = family === 'oci' ? mediaTypes.ociIndex : mediaTypes.dockerList
  const sorted = Object.entries(annotations).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType,
    manifests,
    ...(sorted.length === 0 ? {} : { annotations: Object.fromEntries(sorted) }),
  })
  const descriptor = describe(bytes, mediaType)
  await sink.write(descriptor, streamOf(bytes), abortable)
  return descriptor
}
