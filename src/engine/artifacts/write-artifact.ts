import { copy } from '../../content/copy.ts'
import { noSuchBlob } from '../../content/blob-files.ts'
import type { CopyEvent, ImageSink, ImageSource } from '../../content/interfaces.ts'
import { streamOf, type Abortable, type ByteStream } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { describe, emptyDescriptor, encodeJson } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { titleKey, unknownArtifactType } from './annotations.ts'
import type { PackedFile } from './pack-file.ts'

export interface Artifact {
  /** Default: oras' type for files that say nothing of themselves. */
  readonly artifactType?: string
  readonly files: readonly PackedFile[]
  /** Default: the empty descriptor. */
  readonly config?: PackedFile
  /** What the artifact is about. */
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

export interface WriteArtifactOptions extends Abortable {
  /** Default: its digest. */
  readonly to?: string
  readonly onEvent?: (event: CopyEvent) => void
}

/**
 * Writes an artifact (image-spec manifest.md §Guidelines for Artifact Usage) and answers its manifest. The same files give the same
 * manifest, so writing it again changes nothing.
 */
export const writeArtifact = async (
  sink: ImageSink,
  artifact: Artifact,
  options: WriteArtifactOptions = {},
): Promise<Descriptor> => {
  const { files, config, annotations = {} } = artifact
  refuseDoubles(files)
  const artifactType = artifact.artifactType ?? (config === undefined ? unknownArtifactType : undefined)
  const manifest = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    ...(artifactType === undefined ? {} : { artifactType }),
    config: config?.descriptor ?? emptyDescriptor,
    // registries want a layer
    layers: files.length === 0 ? [emptyDescriptor] : files.map(({ descriptor }) => descriptor),
    ...(artifact.subject === undefined ? {} : { subject: bare(artifact.subject) }),
    ...(Object.keys(annotations).length === 0 ? {} : { annotations: sorted(annotations) }),
  })
  const descriptor = describe(manifest, mediaTypes.ociManifest)
  const contents = new Map<Digest, () => ByteStream>([
    [descriptor.digest, () => streamOf(manifest)],
    [emptyDescriptor.digest, () => streamOf(encodeJson({}))],
    ...[...files, ...(config === undefined ? [] : [config])].map((file) => [file.descriptor.digest, file.open] as const),
  ])
  const { to = descriptor.digest, ...copying } = options
  const listed =
    artifact.subject === undefined
      ? descriptor
      : { ...descriptor, artifactType: artifactType ?? config?.descriptor.mediaType ?? '' }
  await copy(memorySource(contents), sink, { ...copying, from: listed, to })
  return descriptor
}

const bare = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size })

const sorted = (annotations: Readonly<Record<string, string>>): object =>
  Object.fromEntries(Object.entries(annotations).toSorted(([a], [b]) => (a < b ? -1 : 1)))

const refuseDoubles = (files: readonly PackedFile[]): void => {
  const seen = new Set<string>()
  for (const { descriptor } of files) {
    const title = descriptor.annotations?.[titleKey] ?? ''
    if (seen.has(title))
      throw new GantryError('invalid_argument', 'TITLE_TWICE', `Cannot write the artifact: it has "${title}" twice`)
    seen.add(title)
  }
}

const memorySource = (contents: ReadonlyMap<Digest, () => ByteStream>): ImageSource => ({
  has: async ({ digest }) => contents.has(digest),
  // oxlint-disable-next-line require-await
  open: async ({ digest }, { range } = {}) => {
    const open = contents.get(digest)
    if (open === undefined) throw noSuchBlob(digest, 'the artifact')
    if (range !== undefined) throw new GantryError('unsupported', 'NO_RANGES', `Cannot read a part of "${digest}"`)
    return open()
  },
  // oxlint-disable-next-line require-await
  resolve: async (reference) => {
    throw noSuchBlob(reference, 'the artifact')
  },
})
