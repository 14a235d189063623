import { copy } from '../../content/copy.ts'
import type { CopyEvent, Image } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
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

export interface PushOptions extends Abortable, CompressionOptions {
  readonly onEvent?: (event: CopyEvent) => void
}

export interface PushResult {
  readonly reference: Reference
  readonly target: Descriptor
}

/** Blobs under way at a time: a registry takes as long for a small one as for its rights, its file and its answer. */
const uploads = 16

/** Uploads a local image under its own name: blobs that the registry lacks, then manifests, then the tag. */
export const pushImage = async (engine: Engine, text: string, options: PushOptions = {}): Promise<PushResult> => {
  const reference = withDefaultTag(parseReference(text))
  const name = formatReference(reference)
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
  const store = await engine.content()
  await using _lease = await store.lease()
  const target = await compressImage(engine, found.target, found.image, options)
  const repository = (await engine.registry()).repository(reference, {
    mountFrom: mountCandidates(
      images.filter((other) => shareLayers(other.image, found.image)).flatMap((other) => other.names),
      reference,
    ),
  })
  await copy(store, repository, {
    from: target,
    to: reference.tag ?? target.digest,
    platform: 'all',
    // of a multi-platform image what is here
    sparse: 'reduce',
    limit: uploads,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
  })
  return { reference, target }
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
