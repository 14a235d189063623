import type { ContentSource } from '../../content/interfaces.ts'
import { readBlob, readManifest } from '../../content/read-blob.ts'
import { imagesOf } from '../../content/select.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { creationTime } from '../../oci/creation-time.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { configLimit, parseImageConfig, platformOf } from '../../oci/image-config.ts'
import type { Manifest } from '../../oci/manifest.ts'
import { isConfigType } from '../../oci/media-type.ts'
import { matchPlatform } from '../../oci/platform-match.ts'
import type { RemoteRepository } from '../../remote/interfaces.ts'

/** What is behind a tag in a registry. */
export interface TagDetails {
  readonly target: Descriptor
  /** Of an index its images', without attestations; of an artifact none. */
  readonly platforms: readonly Platform[]
  /** Milliseconds since 1970, of the image for this machine, else of the first. */
  readonly created?: number
  /** Bytes to be downloaded for that image. */
  readonly size: number
}

/** Reads manifest and config behind a tag. */
export const tagDetails = async (
  repository: RemoteRepository,
  tag: string,
  { host, ...options }: Abortable & { readonly host: Platform },
): Promise<TagDetails> => {
  const target = await repository.resolve(tag, options)
  const read = await readManifest(repository, target, options)
  if (read.kind === 'manifest') return { target, ...(await imageDetails(repository, read.manifest, options)) }
  const images = imagesOf(read.index)
  const platforms = images.flatMap(({ platform }) => (platform === undefined ? [] : [platform]))
  const image = matchPlatform(host, images) ?? images[0]
  const own = image === undefined ? undefined : await readManifest(repository, image, options)
  if (own?.kind !== 'manifest') return { target, platforms, size: 0 }
  return { target, ...(await imageDetails(repository, own.manifest, options)), platforms }
}

const imageDetails = async (
  source: ContentSource,
  { config, layers, annotations }: Manifest,
  options: Abortable,
): Promise<Omit<TagDetails, 'target'>> => {
  const size = [config, ...layers].reduce((sum, blob) => sum + blob.size, 0)
  if (!isConfigType(config.mediaType))
    return { size, platforms: [], ...timeOf(annotations?.['org.opencontainers.image.created']) }
  const image = parseImageConfig(await readBlob(source, config, { ...options, limit: configLimit }))
  return { size, platforms: [platformOf(image)], ...timeOf(image.created) }
}

const timeOf = (text: string | undefined): { readonly created?: number } => {
  const created = creationTime(text)
  return created === undefined ? {} : { created }
}
