import type { CopyEvent, Image } from '../../content/interfaces.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { formatReference } from '../../oci/reference.ts'
import type { CopyResult } from '../images/copy.ts'
import { parseLocation } from '../locations/location.ts'
import { startJob, type Job } from './job.ts'
import { platformOption, signalOf, withEngine, type LibraryOptions } from './options.ts'

/** Of one blob only the newest offset is worth waiting for a reader. */
const sameProgress = (event: CopyEvent): string | undefined => (event.kind === 'progress' ? event.descriptor.digest : undefined)

export interface PullOptions extends LibraryOptions {
  /** `linux/arm64`; default this machine's. */
  readonly platform?: string | Platform
}

export interface PulledImage {
  /** Full reference. */
  readonly name: string
  /** What the name points at in the registry: a manifest, or an index of several platforms. */
  readonly target: Descriptor
  /** The image for the platform. */
  readonly image: Image
  /** There was nothing to do. */
  readonly upToDate: boolean
}

/** Downloads an image into the local store and makes it ready to run, as `gantry pull` does. */
export const pull = (reference: string, options: PullOptions = {}): Job<PulledImage, CopyEvent> =>
  startJob(
    async (onEvent) =>
      await withEngine(options, async (engine) => {
        const { pullImage } = await import('../images/pull.ts')
        const { platform } = options
        const pulled = await pullImage(engine, reference, {
          ...signalOf(options),
          ...(platform === undefined ? {} : { platform: platformOption(engine, platform) }),
          onEvent,
        })
        const { target, image, upToDate } = pulled
        return { name: formatReference(pulled.reference), target, image, upToDate }
      }),
    sameProgress,
  )

export interface PushedImage {
  /** Full reference. */
  readonly name: string
  readonly target: Descriptor
}

/** Uploads an image of the local store under its own name, as `gantry push` does. */
export const push = (reference: string, options: LibraryOptions = {}): Job<PushedImage, CopyEvent> =>
  startJob(
    async (onEvent) =>
      await withEngine(options, async (engine) => {
        const { pushImage } = await import('../images/push.ts')
        const pushed = await pushImage(engine, reference, { ...signalOf(options), onEvent })
        return { name: formatReference(pushed.reference), target: pushed.target }
      }),
    sameProgress,
  )

export interface CopyOptions extends LibraryOptions {
  /** Only these; default all. */
  readonly platforms?: readonly (string | Platform)[]
  /** With platforms: keep the index as it is, though some of its images are not copied. */
  readonly preserveDigests?: boolean
  /** Signatures, SBOMs and whatever else refers to the image too. */
  readonly referrers?: boolean
}

/** Copies an image or an artifact between registries, layouts, archives and the local store, as `gantry image copy` does. */
export const copy = (from: string, to: string, options: CopyOptions = {}): Job<CopyResult, CopyEvent> =>
  startJob(
    async (onEvent) =>
      await withEngine(options, async (engine) => {
        const { copyImage } = await import('../images/copy.ts')
        const { platforms = [], preserveDigests = false, referrers = false } = options
        return await copyImage(engine, parseLocation(from), parseLocation(to), {
          ...signalOf(options),
          platforms: platforms.map((platform) => platformOption(engine, platform)),
          preserveDigests,
          referrers,
          onEvent,
        })
      }),
    sameProgress,
  )

/** The descriptor that a name has in a registry, a layout, an archive or the local store. Nothing is downloaded. */
export const resolve = async (reference: string, options: LibraryOptions = {}): Promise<Descriptor> =>
  await withEngine(options, async (engine) => {
    const { openSource } = await import('../locations/open-source.ts')
    await using opened = await openSource(engine, parseLocation(reference), signalOf(options))
    return await opened.source.resolve(opened.reference, signalOf(options))
  })
