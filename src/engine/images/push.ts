import type { CopyEvent, Image } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import {
  familiarName,
  familiarString,
  formatReference,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { compressImage, type CompressionOptions } from './compress.ts'
import { localImages } from './lookup.ts'
import { imageForPlatform } from './platforms.ts'
import { pushTarget } from './push-target.ts'

export interface PushOptions extends Abortable, CompressionOptions {
  /** Only the image for this platform, and no index. */
  readonly platform?: Platform
  /** Of an index that is here in part: fetch the rest from the repositories that local names say it is in. */
  readonly fetchMissing?: boolean
  readonly onEvent?: (event: CopyEvent) => void
}

export interface PushResult {
  readonly reference: Reference
  /** What was pushed. */
  readonly target: Descriptor
}

/** Uploads a local image under its own name: blobs that the registry lacks, then manifests, then the tag. */
export const pushImage = async (engine: Engine, text: string, options: PushOptions = {}): Promise<PushResult> => {
  const reference = withDefaultTag(parseReference(text))
  if (reference.digest !== undefined)
    throw new GantryError('invalid_argument', 'PUSH_WITH_DIGEST', `Cannot push "${text}": cannot push a digest reference`, {
      hint: `push it by a tag: gantry tag ${text} ${familiarName(reference)}:TAG`,
    })
  const name = formatReference(reference)
  const store = await engine.content()
  await using _lease = await store.lease()
  const images = await localImages(engine)
  const found = images.find((image) => image.names.includes(name))
  if (found === undefined) {
    const known = images
      .flatMap((image) => image.names)
      .filter((other) => other.startsWith(`${reference.domain}/${reference.path}:`))
    const hint =
      known.length === 0
        ? `tag an image first: gantry tag IMAGE ${familiarString(reference)}`
        : `these tags exist locally: ${known.map((other) => other.slice(other.lastIndexOf(':') + 1)).join(', ')}`
    throw new GantryError(
      'not_found',
      'NO_SUCH_IMAGE',
      `An image does not exist locally with the tag: ${familiarName(reference)}`,
      { hint },
    )
  }
  await store.has(found.target)
  const { platform } = options
  const image = platform === undefined ? found.image : await imageForPlatform(store, found.target, platform, text)
  const chosen = platform === undefined ? found.target : image.descriptor
  const target = await compressImage(engine, chosen, image, options)
  const repository = (await engine.registry()).repository(reference, {
    mountFrom: mountCandidates(
      images.filter((other) => shareLayers(other.image, image)).flatMap((other) => other.names),
      reference,
    ),
  })
  const origins = options.fetchMissing === true ? found.names.filter((other) => other !== name) : []
  const pushed = await pushTarget(engine, { target, repository, origins, to: reference.tag ?? target.digest }, options)
  return { reference, target: pushed }
}

const shareLayers = (one: Image, other: Image): boolean => {
  const digests = new Set(one.manifest.layers.map(({ digest }) => digest))
  return other.manifest.layers.some(({ digest }) => digests.has(digest))
}

/** Other repositories of the same registry that local names say have been pulled from or pushed to. */
const mountCandidates = (names: readonly string[], reference: Reference): readonly string[] => {
  const paths = names
    .map((name) => parseReference(name))
    .filter((other) => other.domain === reference.domain && other.path !== reference.path)
  return [...new Set(paths.map((other) => other.path))].slice(0, 4)
}
