import { buildImage as build, type BuildEvent, type BuildImageOptions } from '../build/build-image.ts'
import type { BuildServices } from '../build/interfaces.ts'
import { readImage } from '../content/image.ts'
import { isGantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { platformOf } from '../oci/image-config.ts'
import { servesPlatform } from '../oci/platform-match.ts'
import { familiarName, familiarString, formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { runOnce } from '../runtime/run-once.ts'
import type { Engine } from './engine.ts'
import { findImage } from './images/lookup.ts'
import { nameImage } from './images/names.ts'
import { pullImage } from './images/pull.ts'
import { unpackImage } from './images/unpack.ts'

export type { BuildAgent, BuildSecret, Entitlement, RunOptions } from '../build/run-options.ts'
export type { BuildEvent }

export interface BuildOptions extends Omit<BuildImageOptions, 'pull'> {
  /** Names that the image gets. */
  readonly tags: readonly string[]
  /** Ask the registry for newer base images. */
  readonly pull: boolean
}

export interface BuildResult {
  /** The image ID. */
  readonly id: Digest
  readonly target: Descriptor
  /** Familiar references. */
  readonly tags: readonly string[]
}

/** Builds an image from a Dockerfile and names it. It is usable at once; its layers are compressed when it leaves. */
export const buildImage = async (engine: Engine, options: BuildOptions): Promise<BuildResult> => {
  const tags = options.tags.map((tag) => withDefaultTag(parseReference(tag)))
  const store = await engine.content()
  await using _lease = await store.lease()
  const { descriptor, imageId: id } = await build(options, await servicesOf(engine))
  const names = tags.length === 0 ? [descriptor.digest] : tags.map(formatReference)
  for (const name of names) await nameImage(store, name, descriptor)
  return { id, target: descriptor, tags: tags.map(familiarString) }
}

const servicesOf = async (engine: Engine): Promise<BuildServices> => {
  const [layers, content] = await Promise.all([engine.layers(), engine.content()])
  return {
    layers,
    content,
    resolveImage: async (reference, options) => {
      const { image } = await baseImage(engine, reference, options)
      const parsed = withDefaultTag(parseReference(reference))
      return {
        image,
        name: `${familiarName(parsed)}${parsed.tag === undefined ? '' : `:${parsed.tag}`}@${image.descriptor.digest}`,
        prepare: async (abortable) => await unpackImage(layers, content, image, abortable),
      }
    },
    run: async (options) => await runOnce(await engine.runtime(), options),
    cacheFolder: engine.path('build-cache'),
    scratchFolder: engine.path('tmp'),
    now: engine.options.now,
    platform: engine.options.platform,
  }
}

/** The local image if it is there and for the platform, else the registry's. */
const baseImage = async (
  engine: Engine,
  reference: string,
  { platform, pull, signal }: Parameters<BuildServices['resolveImage']>[1],
): Promise<Pick<Awaited<ReturnType<typeof findImage>>, 'image'>> => {
  // an image for this machine is what is here; for another one, only what says that it is for that
  const foreign = !servesPlatform(engine.options.platform, platform)
  const fetch = async (): Promise<Pick<Awaited<ReturnType<typeof pullImage>>, 'image'>> =>
    await pullImage(engine, reference, { platform, ...(signal === undefined ? {} : { signal }) })
  if (pull) return await fetch()
  try {
    const { target } = await findImage(engine, reference)
    const image = await readImage(await engine.content(), target, { platform, fallback: true })
    return foreign && !servesPlatform(platform, platformOf(image.config)) ? await fetch() : { image }
  } catch (error) {
    if (!isGantryError(error, 'not_found')) throw error
    return await fetch()
  }
}
