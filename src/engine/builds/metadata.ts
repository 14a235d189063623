import type { BuiltImage, BuiltPlatform } from '../../build/build-image.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { formatPlatform } from '../../oci/platform.ts'
import type { Attestation } from './attestation.ts'
import type { WrittenImage } from './write-outputs.ts'

/** What `--metadata-file` says of a build, as buildx does; of one without an image, what there would be to say of it. */
export const buildMetadata = (
  built: BuiltImage,
  written: WrittenImage | undefined,
  attest: (image: BuiltPlatform) => readonly Attestation[],
): object => {
  const config = { 'containerimage.config.digest': built.imageId }
  const provenance = Object.fromEntries(
    built.images.flatMap((image) => {
      const key = `buildx.build.provenance${built.images.length === 1 ? '' : `/${formatPlatform(image.platform)}`}`
      return attest(image).map(({ predicate }) => [key, predicate] as const)
    }),
  )
  if (written === undefined) return { ...provenance, ...config }
  const { target, names } = written
  return {
    ...provenance,
    ...config,
    'containerimage.descriptor': describeTarget(built, target),
    'containerimage.digest': target.digest,
    ...(names.length === 0 ? {} : { 'image.name': names.join(',') }),
  }
}

const describeTarget = ({ images }: BuiltImage, { mediaType, digest, size, annotations }: Descriptor): object => {
  const [only] = images
  const platform = only !== undefined && only.descriptor.mediaType === mediaType ? { platform: only.platform } : {}
  return { mediaType, digest, size, ...(annotations === undefined ? {} : { annotations }), ...platform }
}
