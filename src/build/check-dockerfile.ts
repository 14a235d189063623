import { isGantryError, messageOf, throwIfAborted, type GantryError } from '../lib/errors.ts'
import type { Platform } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { BuildImageOptions } from './build-image.ts'
import { contextSource, dockerfileSource } from './context-source.ts'
import type { Dockerfile } from './dockerfile/instruction.ts'
import { parseDockerfile } from './dockerfile/parse-dockerfile.ts'
import { createSourceFile, type SourceFile } from './dockerfile/source.ts'
import { createVertex } from './graph.ts'
import type { BuildServices } from './interfaces.ts'
import { DockerfileLint } from './lint/dockerfile-lint.ts'
import type { LintWarning } from './lint/linter.ts'
import { loadContext, type LoadedContext } from './load-context.ts'
import { OutlineObserver, type Outline } from './outline/outline-observer.ts'
import { NamedContexts } from './plan/named-contexts.ts'
import { findTarget, planAllStages, planBuild, type PlanOptions, type ResolvedImage } from './plan/plan.ts'
import { Scratch } from './scratch.ts'

export type CheckOptions = Pick<
  BuildImageOptions,
  'context' | 'contexts' | 'dockerfile' | 'target' | 'buildArgs' | 'pull' | 'signal'
> & {
  readonly platform?: Platform
}
export type CheckServices = Pick<BuildServices, 'resolveImage' | 'scratchFolder' | 'sources' | 'platform'>

export interface UnknownImage {
  readonly reference: string
  readonly reason: string
}

/** What is found in a Dockerfile without building it. */
export interface DockerfileCheck {
  readonly file: SourceFile
  /** In the order of their lines. */
  readonly warnings: readonly LintWarning[]
  /** Why it cannot be built; the lines behind may hold more. */
  readonly error?: GantryError
  /** Base images that could not be looked at, and why; what depends on them was not checked. */
  readonly unknown: readonly UnknownImage[]
}

/** Reads the Dockerfile and the rules of its context, and hands them on; nothing is left. */
const withDefinition = async <T>(
  options: CheckOptions,
  services: Pick<BuildServices, 'scratchFolder' | 'sources'>,
  work: (loaded: LoadedContext) => Promise<T>,
): Promise<T> => {
  const { context, dockerfile, signal } = options
  throwIfAborted(signal)
  await using scratch = await Scratch.open(services.scratchFolder)
  const source = await dockerfileSource(dockerfile, context)
  return await work(
    await loadContext(contextSource(context), source, scratch, {
      sources: services.sources,
      ...(signal === undefined ? {} : { signal }),
    }),
  )
}

/**
 * Checks a Dockerfile by the rules of BuildKit's frontend: all its stages, or those that a target needs. Errors of the Dockerfile are
 * part of the answer. Base images are looked at; those that cannot be reached are told of.
 */
export const checkDockerfile = async (options: CheckOptions, services: CheckServices): Promise<DockerfileCheck> =>
  await withDefinition(options, services, async ({ dockerfile: { name, text }, ignored }) => {
    const lint = new DockerfileLint({ buildArguments: options.buildArgs ?? {} })
    const unknown: UnknownImage[] = []
    const found = (error?: GantryError): DockerfileCheck => ({
      file: createSourceFile(name, text),
      warnings: lint.warnings,
      unknown,
      ...(error === undefined ? {} : { error }),
    })
    try {
      const dockerfile = parseDockerfile(text, name, lint)
      lint.ignore(await ignored())
      await planAllStages(dockerfile, {
        ...planOptions(options, services),
        observer: lint,
        resolveImage: resolveOr(options, services, (image) => {
          unknown.push(image)
          lint.imageIsUnknown(image.reference)
        }),
      })
      lint.end()
      return found()
    } catch (error) {
      if (!isGantryError(error) || error.kind === 'canceled' || error.kind === 'internal') throw error
      return found(error)
    }
  })

/** What the target of a Dockerfile takes from whoever builds it. */
export const outlineDockerfile = async (
  options: CheckOptions,
  services: CheckServices,
): Promise<Outline & Pick<DockerfileCheck, 'unknown'>> =>
  await withDefinition(options, services, async ({ dockerfile: { name, text } }) => {
    const dockerfile = parseDockerfile(text, name)
    const observer = new OutlineObserver(options.buildArgs ?? {})
    const unknown: UnknownImage[] = []
    const resolveImage = resolveOr(options, services, (image) => unknown.push(image))
    await planBuild(dockerfile, { ...planOptions(options, services), observer, resolveImage })
    return { ...observer.outline(findTarget(dockerfile, options.target)), unknown }
  })

/** The stages of a Dockerfile; nothing is evaluated. */
export const listTargets = async (
  options: CheckOptions,
  services: Pick<CheckServices, 'scratchFolder' | 'sources'>,
): Promise<Pick<Dockerfile, 'file' | 'stages'>> =>
  await withDefinition(options, services, async ({ dockerfile: { name, text } }) => parseDockerfile(text, name))

const planOptions = (options: CheckOptions, services: CheckServices): Omit<PlanOptions, 'resolveImage'> => {
  const { target, platform, buildArgs = {}, contexts, signal } = options
  return {
    contexts: new NamedContexts(contexts),
    buildArguments: buildArgs,
    labels: {},
    network: 'default',
    extraHosts: [],
    // whether it is allowed is asked when it is done
    run: { allow: ['network.host', 'security.insecure'] },
    buildPlatform: services.platform,
    context: createVertex({ kind: 'context' }, [], { label: '[internal] load build context' }),
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platform }),
    ...(signal === undefined ? {} : { signal }),
  }
}

/** Resolves images; one that cannot be reached is told of, and an empty one is in its place. */
const resolveOr =
  (options: CheckOptions, services: CheckServices, onUnknown: (image: UnknownImage) => void): PlanOptions['resolveImage'] =>
  async (reference, platform) => {
    try {
      return await resolve(reference, platform, options, services)
    } catch (error) {
      if (!isGantryError(error) || !['unavailable', 'unauthenticated', 'permission_denied'].includes(error.kind)) throw error
      onUnknown({ reference, reason: messageOf(error) })
      return unknownImage(reference, platform)
    }
  }

const resolve = async (
  reference: string,
  platform: Platform,
  { pull = false, signal }: CheckOptions,
  services: CheckServices,
): Promise<ResolvedImage> =>
  await services.resolveImage(
    reference.startsWith('oci-layout://') ? reference : formatReference(withDefaultTag(parseReference(reference))),
    {
      platform,
      pull,
      ...(signal === undefined ? {} : { signal }),
    },
  )

/** Stands for an image that could not be looked at: nothing is set in it. */
export const unknownImage = (reference: string, { os, architecture }: Platform): ResolvedImage => {
  const digest = digestOf(reference)
  return {
    name: reference,
    prepare: async () => undefined,
    image: {
      descriptor: { mediaType: '', digest, size: 0 },
      manifest: { schemaVersion: 2, config: { mediaType: '', digest, size: 0 }, layers: [] },
      layers: [],
      config: { os, architecture, rootfs: { type: 'layers', diff_ids: [] } },
    },
  }
}
