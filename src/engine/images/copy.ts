import { choosePlatforms, copyPlatforms, type PlatformChoice } from '../../content/copy-platforms.ts'
import { copyReferrers, cosignTags } from '../../content/copy-referrers.ts'
import type { CopyEvent } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import type { Engine } from '../engine.ts'
import type { Location } from '../locations/location.ts'
import { openSink } from '../locations/open-sink.ts'
import { openSource, type OpenedSource } from '../locations/open-source.ts'

export interface CopyImageOptions extends Abortable {
  /** Only these platforms; none: all. */
  readonly platforms?: readonly Platform[]
  /** With platforms: keep the index and its digest, see choosePlatforms(). */
  readonly preserveDigests?: boolean
  /** Copy what refers to the image too, and what refers to that. */
  readonly referrers?: boolean
  readonly onEvent?: (event: CopyEvent) => void
}

export interface CopyResult {
  /** What the copy's name points at. */
  readonly target: Descriptor
  readonly referrers: readonly Descriptor[]
}

/** Copies an image, an index with all its images or an artifact from anywhere to anywhere, without the local store in between. */
export const copyImage = async (
  engine: Engine,
  from: Location,
  to: Location,
  options: CopyImageOptions = {},
): Promise<CopyResult> => {
  const { platforms = [], preserveDigests = false, referrers = false, ...copying } = options
  if (referrers) refuseReferrers(to)
  await using source = await openSource(engine, from, { ...options, leaving: to.kind !== 'store' })
  const root = await source.source.resolve(source.reference, options)
  copying.onEvent?.({ kind: 'resolved', reference: source.name ?? source.reference, descriptor: root })
  const choice = await choosePlatforms(source.source, root, { ...options, platforms, sparse: preserveDigests })
  await using sink = await openSink(engine, to, {
    ...options,
    source: source.source,
    root: choice.members[0] ?? root,
    ...nameOf(source),
    ...mountable(from, to),
  })
  const target = await copyPlatforms(source.source, sink.sink, {
    ...quiet(copying),
    choice,
    to: sink.nameOf(choice.target.digest),
    sparse: 'reduce',
  }).catch((error: unknown) => {
    throw explainSparse(error, choice)
  })
  const copied = referrers
    ? await copyReferrers(source.source, sink.sink, choice, { ...quiet(copying), ...listed(source, from) })
    : []
  await sink.finish()
  return { target, referrers: copied }
}

const nameOf = ({ name }: OpenedSource): { readonly name?: string } => (name === undefined || name.includes('@') ? {} : { name })

/** The one event for the whole has been sent. */
const quiet = <T extends { readonly onEvent?: (event: CopyEvent) => void }>({ onEvent, ...options }: T): T =>
  ({
    ...options,
    ...(onEvent === undefined ? {} : { onEvent: (event: CopyEvent) => void (event.kind === 'resolved' || onEvent(event)) }),
  }) as T

/** Blobs within a registry need not be sent. */
const mountable = (from: Location, to: Location): { readonly mountFrom?: readonly string[] } =>
  from.kind === 'registry' &&
  to.kind === 'registry' &&
  from.reference.domain === to.reference.domain &&
  from.reference.path !== to.reference.path
    ? { mountFrom: [from.reference.path] }
    : {}

/** What refers to a digest in a source; in a registry cosign's older tags too. */
const listed = (source: OpenedSource, from: Location): Pick<Parameters<typeof copyReferrers>[3], 'referrers' | 'legacyTags'> => ({
  referrers: source.referrers,
  ...(from.kind === 'registry' || from.kind === 'layout'
    ? {
        legacyTags: async (subject, options) => {
          const found: string[] = []
          for (const tag of cosignTags(subject)) if (await exists(source, tag, options)) found.push(tag)
          return found
        },
      }
    : {}),
})

const exists = async ({ source }: OpenedSource, tag: string, options: Abortable): Promise<boolean> => {
  try {
    await source.resolve(tag, options)
    return true
  } catch (error) {
    if (isGantryError(error, 'not_found')) return false
    throw error
  }
}

const refuseReferrers = (to: Location): void => {
  if (to.kind === 'registry' || to.kind === 'layout' || (to.kind === 'archive' && to.format === 'oci')) return
  throw new GantryError('unsupported', 'NO_REFERRERS', 'Cannot copy referrers: the target keeps images only', {
    hint: 'copy to a registry, to oci:FOLDER or to oci-archive:FILE',
  })
}

/** Many registries refuse an index some of whose images they do not have. */
const explainSparse = (error: unknown, choice: PlatformChoice): unknown => {
  const sparse = choice.bytes !== undefined && isGantryError(error) && error.code.startsWith('MANIFEST_')
  if (!sparse) return error
  return new GantryError(error.kind, error.code, error.message, {
    cause: error,
    hint: 'the registry takes no index with images that it lacks: leave --preserve-digests out for an index of the chosen platforms',
  })
}
