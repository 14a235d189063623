import type { BuiltImage, BuiltPlatform } from '../../build/build-image.ts'
import { writeIndex } from '../../build/write-index.ts'
import { readImage } from '../../content/image.ts'
import { createManifest } from '../../content/mutate.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { formatPlatform, normalizePlatform } from '../../oci/platform.ts'
import type { Engine } from '../engine.ts'
import { compressLayers } from '../images/compress.ts'
import { writeAttestation, type Attestation } from './attestation.ts'
import type { BuildAnnotation, ImageForm } from './output.ts'

export interface FinishOptions extends Abortable {
  /** Whether the image goes somewhere else, for which its layers are compressed. */
  readonly leaving: boolean
  /** Full references, for what attestations say. */
  readonly names: readonly string[]
  /** What is said of an image. */
  readonly attest: (image: BuiltPlatform) => readonly Attestation[]
}

type Level = BuildAnnotation['level']

/** Writes what was built as an output wants it, and answers its manifest, or its index where it needs one. */
export const finishImage = async (
  engine: Engine,
  built: BuiltImage,
  form: ImageForm,
  options: FinishOptions,
): Promise<Descriptor> => {
  const { signal } = options
  const abortable = signal === undefined ? {} : { signal }
  const store = await engine.content()
  const entries: Descriptor[] = []
  const attestations: Descriptor[] = []
  for (const image of built.images) {
    const descriptor = await finishPlatform(engine, image, form, options)
    entries.push({ ...descriptor, platform: image.platform, ...annotated(form, 'manifest-descriptor', image.platform) })
    const said = options.attest(image)
    if (said.length > 0)
      attestations.push(await writeAttestation(store, descriptor, packageUrls(options.names, image.platform), said, abortable))
  }
  const [only, ...others] = entries
  if (only === undefined) throw new GantryError('internal', 'NO_IMAGES', 'Cannot finish the image: there is none')
  const forIndex = annotated(form, 'index-descriptor')
  if (others.length === 0 && attestations.length === 0) {
    if (form.annotations.some(({ level }) => level === 'index' || level === 'index-descriptor'))
      throw new GantryError(
        'invalid_argument',
        'NO_INDEX',
        'Cannot annotate the index: index annotations not supported for single platform export',
        { hint: 'an image for several platforms has an index, and one with --provenance' },
      )
    const { platform: _platform, ...descriptor } = only
    return descriptor
  }
  if (form.mediaTypes === 'docker' && (attestations.length > 0 || form.annotations.length > 0))
    throw new GantryError(
      'invalid_argument',
      'NO_ANNOTATIONS',
      "Cannot write the image: Docker's media types have no attestations and no annotations",
      {
        hint: 'leave oci-mediatypes=false out',
      },
    )
  const index = await writeIndex(store, [...entries, ...attestations], {
    ...abortable,
    ...annotated(form, 'index'),
    mediaTypes: form.mediaTypes,
  })
  return { ...index, ...forIndex }
}

const finishPlatform = async (
  engine: Engine,
  { descriptor, platform }: BuiltPlatform,
  form: ImageForm,
  { signal, leaving }: FinishOptions,
): Promise<Descriptor> => {
  const abortable = signal === undefined ? {} : { signal }
  const { annotations } = annotated(form, 'manifest', platform)
  const changes = leaving || form.compression !== undefined
  if (!changes && annotations === undefined && form.mediaTypes === 'oci') return descriptor
  const store = await engine.content()
  const image = await readImage(store, descriptor, abortable)
  const layers = changes ? await compressLayers(engine, image, { ...form.compression, ...abortable }) : undefined
  return await createManifest(store, {
    config: image.manifest.config,
    layers: layers ?? image.manifest.layers,
    mediaTypes: form.mediaTypes,
    ...abortable,
    ...(annotations === undefined ? {} : { annotations }),
  })
}

/** The annotations of one level, and of one image. */
const annotated = (
  { annotations }: ImageForm,
  level: Level,
  platform?: Platform,
): { readonly annotations?: Readonly<Record<string, string>> } => {
  const own = platform === undefined ? undefined : formatPlatform(normalizePlatform(platform))
  const chosen = annotations.filter(
    (one) => one.level === level && (one.platform === undefined || formatPlatform(normalizePlatform(one.platform)) === own),
  )
  return chosen.length === 0 ? {} : { annotations: Object.fromEntries(chosen.map(({ key, value }) => [key, value])) }
}

/** `pkg:docker/NAME@TAG?platform=…`, as BuildKit calls what it attests. */
export const packageUrls = (names: readonly string[], platform: Platform): readonly string[] =>
  names.map((full) => {
    const name = full.replace(/^docker\.io\/(?:library\/)?/, '')
    const colon = name.lastIndexOf(':')
    const tagged = colon > name.lastIndexOf('/')
    const path = (tagged ? name.slice(0, colon) : name).split('/').map(encodeURIComponent).join('/')
    return `pkg:docker/${path}${tagged ? `@${name.slice(colon + 1)}` : ''}?platform=${encodeURIComponent(formatPlatform(platform))}`
  })
