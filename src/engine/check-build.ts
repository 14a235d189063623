import {
  checkDockerfile,
  listTargets,
  outlineDockerfile,
  type CheckOptions,
  type CheckServices,
  type DockerfileCheck,
} from '../build/check-dockerfile.ts'
import { readImage } from '../content/image.ts'
import type { Image } from '../content/interfaces.ts'
import { isGantryError } from '../lib/errors.ts'
import { parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Outline } from '../build/outline/outline-observer.ts'
import type { Engine } from './engine.ts'
import { layoutImage, layoutScheme } from './builds/layout-image.ts'
import { sourceServices } from './builds/source-services.ts'
import { cachedSource } from './images/cached-source.ts'
import { findImage } from './images/lookup.ts'
import { resolveRemote } from './images/resolve-remote.ts'

export { excerpt } from '../build/dockerfile/source.ts'
export { describedAs } from '../build/dockerfile/description.ts'
export { lintRules, ruleUrl } from '../build/lint/rules.ts'
export type BuildTargets = Awaited<ReturnType<typeof listTargets>>
export type { SourceFile, SourceRange } from '../build/dockerfile/source.ts'
export type { Outline } from '../build/outline/outline-observer.ts'
export type { CheckOptions, DockerfileCheck }

/** Checks a Dockerfile without building it. Of base images that are not here only manifest and config are asked for. */
export const checkBuild = async (engine: Engine, options: CheckOptions): Promise<DockerfileCheck> =>
  await checkDockerfile(options, checkServices(engine))

/** What the target of a Dockerfile takes from whoever builds it. */
export const outlineBuild = async (engine: Engine, options: CheckOptions): Promise<Outline & Pick<DockerfileCheck, 'unknown'>> =>
  await outlineDockerfile(options, checkServices(engine))

/** The stages of a Dockerfile. */
export const buildTargets = async (engine: Engine, options: CheckOptions): Promise<BuildTargets> =>
  await listTargets(options, checkServices(engine))

const checkServices = (engine: Engine): CheckServices => ({
  scratchFolder: engine.path('tmp'),
  sources: sourceServices(engine),
  platform: engine.options.platform,
  resolveImage: async (reference, options) => {
    const image = reference.startsWith(layoutScheme)
      ? await layoutImage(engine, reference, options)
      : await lookAt(engine, reference, options)
    return { image, name: `${reference}@${image.descriptor.digest}`, prepare: async () => undefined }
  },
})

const lookAt = async (
  engine: Engine,
  name: string,
  { platform, pull, signal }: Parameters<CheckServices['resolveImage']>[1],
): Promise<Image> => {
  const reference = withDefaultTag(parseReference(name))
  const store = await engine.content()
  if (!pull) {
    try {
      const { target } = await findImage(engine, name)
      return await readImage(store, target, { platform, fallback: true })
    } catch (error) {
      if (!isGantryError(error, 'not_found')) throw error
    }
  }
  const client = await engine.registry()
  const repository = client.repository(reference)
  const abortable = signal === undefined ? {} : { signal }
  const target = await resolveRemote(client, repository, reference, abortable)
  return await readImage(cachedSource(repository, store), target, { platform, fallback: true, ...abortable })
}
