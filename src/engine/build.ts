import { buildImage as build, type BuildEvent, type BuildImageOptions, type BuiltPlatform } from '../build/build-image.ts'
import type { BuildServices } from '../build/interfaces.ts'
import { readImage } from '../content/image.ts'
import type { Image } from '../content/interfaces.ts'
import type { ByteStream } from '../lib/bytes.ts'
import { GantryError, isGantryError } from '../lib/errors.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { platformOf } from '../oci/image-config.ts'
import { servesPlatform } from '../oci/platform-match.ts'
import { familiarName, familiarString, formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { StepRunner } from '../runtime/step-runner.ts'
import { buildCaches } from './builds/caches.ts'
import type { Attestation } from './builds/attestation.ts'
import { buildMetadata } from './builds/metadata.ts'
import type { BuildOutput } from './builds/output.ts'
import { provenanceOf, type ProvenanceOptions } from './builds/provenance.ts'
import { writeOutputs } from './builds/write-outputs.ts'
import { layoutImage, layoutScheme } from './builds/layout-image.ts'
import { sourceServices } from './builds/source-services.ts'
import type { Engine } from './engine.ts'
import { findImage } from './images/lookup.ts'
import { pullImage } from './images/pull.ts'
import { unpackImage } from './images/unpack.ts'

export type { BuildAgent, BuildSecret, Entitlement, RunOptions } from '../build/run-options.ts'
export { lintSummary } from '../build/lint/linter.ts'
export type { BuildEvent }

export interface BuildOptions extends Omit<BuildImageOptions, 'pull'> {
  /** Names that images get, instead of those that outputs bring along. */
  readonly tags: readonly string[]
  /** Ask the registry for newer base images. */
  readonly pull: boolean
  /** What is made; default: an image in the store. */
  readonly outputs?: readonly BuildOutput[]
  /** Says how images were built, within the index that they get. */
  readonly provenance?: ProvenanceOptions
  /** Builds twice, without the cache, and fails if the images are not the same. */
  readonly verifyReproducible?: boolean
  /** Takes what outputs write to standard output. */
  readonly write?: (bytes: ByteStream) => Promise<void>
}

export interface BuildResult {
  /** The image ID. */
  readonly id: Digest
  readonly target: Descriptor
  /** Familiar references; none if no image was made. */
  readonly tags: readonly string[]
  /** Whether an image was made. */
  readonly hasImage: boolean
  /** As buildx' `--metadata-file` has it. */
  readonly metadata: object
}

/** Builds an image from a Dockerfile and names it. It is usable at once; its layers are compressed when it leaves. */
export const buildImage = async (engine: Engine, options: BuildOptions): Promise<BuildResult> => {
  const { tags, onEvent = () => undefined, signal } = options
  const given = options.outputs ?? [{ kind: 'image', names: [], push: false, mediaTypes: 'oci', annotations: [] }]
  const outputs = given.map((output) => withNames(output, tags))
  checkNames(outputs)
  const store = await engine.content()
  await using _lease = await store.lease()
  await using steps = new StepRunner(engine.runtime)
  const services = await servicesOf(engine, steps)
  const verify = options.verifyReproducible === true
  // what the cache has may be of files with other times
  const built = await build(verify ? { ...options, noCache: true } : options, services)
  if (verify) {
    const { verifyReproducible } = await import('./builds/verify-reproducible.ts')
    await verifyReproducible(engine, built, options, services)
  }
  const { provenance } = options
  const attest = (image: BuiltPlatform): readonly Attestation[] =>
    provenance === undefined ? [] : [provenanceOf(built, image, options, provenance, engine.options.platform)]
  const written = await writeOutputs(engine, built, {
    outputs,
    onEvent,
    write: options.write ?? noOutput,
    attest,
    ...(signal === undefined ? {} : { signal }),
  })
  return {
    id: built.imageId,
    target: written?.target ?? built.descriptor,
    tags: written?.names.map((name) => familiarString(parseReference(name))) ?? [],
    hasImage: written !== undefined,
    metadata: buildMetadata(built, written, attest),
  }
}

/** An output with full references as its names. */
const withNames = (output: BuildOutput, tags: readonly string[]): BuildOutput => {
  if (!('names' in output)) return output
  const names = tags.length === 0 ? output.names : tags
  return { ...output, names: names.map((name) => formatReference(withDefaultTag(parseReference(name)))) }
}

/** Before anything is built: what is pushed needs a name. */
const checkNames = (outputs: readonly BuildOutput[]): void => {
  if (!outputs.some((output) => output.kind === 'image' && output.push && output.names.length === 0)) return
  throw new GantryError('invalid_argument', 'NO_NAME', 'Cannot push: tag is needed when pushing to registry', {
    hint: 'name the image: --tag NAME[:TAG]',
  })
}

// oxlint-disable-next-line require-await
const noOutput = async (): Promise<void> => {
  throw new GantryError('invalid_argument', 'NO_OUTPUT', 'Cannot write to standard output: there is none')
}

const servicesOf = async (engine: Engine, steps: StepRunner): Promise<BuildServices> => {
  const [layers, content] = await Promise.all([engine.layers(), engine.content()])
  return {
    layers,
    content,
    resolveImage: async (reference, options) => {
      if (reference.startsWith(layoutScheme)) {
        const image = await layoutImage(engine, reference, options)
        return {
          image,
          name: image.descriptor.digest,
          prepare: async (abortable) => await unpackImage(layers, content, image, abortable),
        }
      }
      const { image } = await baseImage(engine, reference, options)
      const parsed = withDefaultTag(parseReference(reference))
      return {
        image,
        name: `${familiarName(parsed)}${parsed.tag === undefined ? '' : `:${parsed.tag}`}@${image.descriptor.digest}`,
        prepare: async (abortable) => await unpackImage(layers, content, image, abortable),
      }
    },
    run: async (options) => await steps.run(options),
    killSteps: async (prefix) => await steps.killAll(prefix),
    caches: buildCaches(engine),
    cacheFolder: engine.path('build-cache'),
    scratchFolder: engine.path('tmp'),
    sources: sourceServices(engine),
    now: engine.options.now,
    platform: engine.options.platform,
  }
}

/** The local image if it is there and for the platform, else the registry's. */
const baseImage = async (
  engine: Engine,
  reference: string,
  { platform, pull, signal }: Parameters<BuildServices['resolveImage']>[1],
): Promise<{ readonly image: Image }> => {
  // an image for this machine is what is here; for another one, only what says that it is for that
  const foreign = !servesPlatform(engine.options.platform, platform)
  const local = pull ? undefined : await localImage(engine, reference, platform)
  if (local !== undefined && !(foreign && !servesPlatform(platform, platformOf(local.config)))) return { image: local }
  return await pullImage(engine, reference, { platform, ...(signal === undefined ? {} : { signal }) })
}

const localImage = async (engine: Engine, reference: string, platform: Platform): Promise<Image | undefined> => {
  try {
    const { target } = await findImage(engine, reference)
    return await readImage(await engine.content(), target, { platform, fallback: true })
  } catch (error) {
    if (isGantryError(error, 'not_found')) return undefined
    throw error
  }
}
