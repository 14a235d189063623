import type { PackSummary } from '../build/pack/pack-frontend.ts'
import { packFrontend } from '../build/pack/pack-frontend.ts'
import { parseEntrypoint } from '../build/pack/entrypoint.ts'
import { imageName } from '../build/pack/image-name.ts'
import { openProject } from '../build/pack/open-project.ts'
import { readImage } from '../content/image.ts'
import { isGantryError } from '../lib/errors.ts'
import { formatPlatform } from '../oci/platform.ts'
import { buildImage, type BuildOptions, type BuildResult } from './build.ts'
import type { Engine } from './engine.ts'

export interface PackImageOptions extends Pick<
  BuildOptions,
  'platforms' | 'noCache' | 'pull' | 'tags' | 'outputs' | 'write' | 'onEvent' | 'signal'
> {
  /** A folder with a package.json. */
  readonly folder: string
  readonly workspace?: string
  readonly base?: string
  readonly user?: string
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly expose: readonly string[]
  /** Words, or JSON. */
  readonly entrypoint?: string
  /** SOURCE_DATE_EPOCH. */
  readonly epoch?: number
  readonly onWarning: (message: string) => void
}

/** The image of one platform, for whoever reads what was packed. */
export interface PackedImage {
  readonly platform: string
  readonly base: string
  readonly layers: readonly { readonly title: string; readonly packages?: number; readonly size: number }[]
  readonly entrypoint: readonly string[]
  /** Where the entrypoint comes from. */
  readonly from: string
  readonly user: string
}

export interface PackResult extends BuildResult {
  readonly images: readonly PackedImage[]
}

/** Makes an image of a Node.js project as it is installed, without a Dockerfile, and names it after its package. */
export const packImage = async (engine: Engine, options: PackImageOptions): Promise<PackResult> => {
  const { folder, workspace, base, user, env, labels, expose, entrypoint, epoch, onWarning, tags, ...rest } = options
  const project = await openProject({
    folder,
    cacheFolder: engine.path('build-cache'),
    ...(workspace === undefined ? {} : { workspace }),
  })
  const planned: PackSummary[] = []
  const frontend = packFrontend(
    project,
    {
      env,
      labels,
      expose,
      ...(base === undefined ? {} : { base }),
      ...(user === undefined ? {} : { user }),
      ...(entrypoint === undefined ? {} : { entrypoint: parseEntrypoint(entrypoint) }),
      ...(epoch === undefined ? {} : { epoch }),
    },
    { onPlanned: (summary) => planned.push(summary), onWarning },
  )
  const named = (options.outputs ?? []).some((output) => 'names' in output && output.names.length > 0)
  const store = await engine.content()
  await using _lease = await store.lease()
  const result = await buildImage(engine, {
    ...rest,
    context: project.root,
    tags: tags.length > 0 || named ? tags : [imageName(project.manifest, project.path === '' ? project.root : project.path)],
    frontend,
  })
  const images: PackedImage[] = []
  for (const summary of planned) images.push(await packedImage(engine, result, summary))
  return { ...result, images }
}

const packedImage = async (
  engine: Engine,
  { target }: BuildResult,
  { platform, base, layers, entrypoint, user }: PackSummary,
): Promise<PackedImage> => {
  const sizes = await layerSizes(engine, target, { platform, count: layers.length })
  return {
    platform: formatPlatform(platform),
    base,
    layers: layers.map((layer, index) => ({ ...layer, size: sizes[index] ?? 0 })),
    entrypoint: entrypoint.words,
    from: entrypoint.from,
    user,
  }
}

/** Sizes of the last layers of an image, uncompressed. */
const layerSizes = async (
  engine: Engine,
  target: BuildResult['target'],
  { platform, count }: Pick<PackSummary, 'platform'> & { readonly count: number },
): Promise<readonly number[]> => {
  try {
    const [store, layers] = await Promise.all([engine.content(), engine.layers()])
    const { config } = await readImage(store, target, { platform, fallback: true })
    return await Promise.all(config.rootfs.diff_ids.slice(-count).map(async (id) => (await layers.info(id)).tarSize))
  } catch (error) {
    if (isGantryError(error, 'not_found')) return []
    throw error
  }
}
