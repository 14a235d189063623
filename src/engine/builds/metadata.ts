import type { BuiltImage } from '../../build/build-image.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { WrittenImage } from './write-outputs.ts'

/** What `--metadata-file` says of a build, as buildx does; of one without an image, what there would be to say of it. */
export const buildMetadata = (built: BuiltImage, written: WrittenImage | undefined): object => {
  if (written === undefined) return { 'containerimage.config.digest': built.imageId }
  const { target, names } = written
  return {
    'containerimage.config.digest': built.imageId,
    'containerimage.descriptor': describeTarget(built, target),
    'containerimage.digest': target.digest,
    ...(names.length === 0 ? {} : { 'image.name': names.join(',') }),
  }
}

const describeTarget = ({ images }: BuiltImage, { mediaType, digest, size, annotations }: Descriptor): object => {
  const [only] = images
  const platform = images.length === 1 && only !== undefined ? { platform: only.platform } : {}
  return { mediaType, digest, size, ...(annotations === undefined ? {} : { annotations }), ...platform }
}
