import { GantryError, throwIfAborted } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestHex, type Digest } from '../oci/digest.ts'
import { copy, type CopyOptions } from './copy.ts'
import type { PlatformChoice } from './copy-platforms.ts'
import type { ImageSink, ImageSource } from './interfaces.ts'
import { walk } from './walk.ts'

/** Referrers of referrers of …: a signature of an SBOM of an image is at depth 2. */
export const referrerDepthLimit = 16
const countLimit = 10_000

export interface CopyReferrersOptions extends Omit<CopyOptions, 'platform' | 'fallback' | 'index' | 'from' | 'to'> {
  /** What refers to a digest in the source. */
  readonly referrers: (subject: Digest, options: Pick<CopyOptions, 'signal'>) => Promise<readonly Descriptor[]>
  /** Tags of the source by which something else refers to a digest: cosign's older scheme. */
  readonly legacyTags?: (subject: Digest, options: Pick<CopyOptions, 'signal'>) => Promise<readonly string[]>
}

/**
 * Copies what refers to what was chosen, to any manifest below that, and to what is copied so; each after its subject. Answers the
 * copied referrers. The sink lists them afterwards: a registry by itself or by the fallback tag, which its `write` keeps; others by
 * the name that is their digest.
 */
export const copyReferrers = async (
  source: ImageSource,
  sink: ImageSink,
  { target, members }: PlatformChoice,
  options: CopyReferrersOptions,
): Promise<readonly Descriptor[]> => {
  const job = new ReferrersJob(source, sink, options)
  await job.copyOf(target.digest, 1)
  for await (const { kind, descriptor } of walk(source, members, options))
    if (kind === 'index' || kind === 'manifest') await job.copyOf(descriptor.digest, 1)
  return job.copied
}

class ReferrersJob {
  readonly copied: Descriptor[] = []
  readonly #subjects = new Set<Digest>()
  readonly #seen = new Set<string>()
  readonly #source: ImageSource
  readonly #sink: ImageSink
  readonly #options: CopyReferrersOptions

  constructor(source: ImageSource, sink: ImageSink, options: CopyReferrersOptions) {
    this.#source = source
    this.#sink = sink
    this.#options = options
  }

  /** One after the other: two that are listed under one fallback tag must not be written at once. */
  async copyOf(subject: Digest, depth: number): Promise<void> {
    const { referrers, legacyTags, ...options } = this.#options
    throwIfAborted(options.signal)
    if (this.#subjects.has(subject)) return
    this.#subjects.add(subject)
    if (depth > referrerDepthLimit)
      throw new GantryError(
        'resource_exhausted',
        'REFERRERS_TOO_DEEP',
        `Cannot copy the referrers of "${subject}": they refer to each other more than ${referrerDepthLimit} deep`,
      )
    for (const { annotations: _, ...referrer } of await referrers(subject, options)) {
      if (!this.#first(referrer.digest)) continue
      await copy(this.#source, this.#sink, { ...options, from: referrer, to: referrer.digest, sparse: 'keep' })
      this.copied.push(referrer)
      await this.copyOf(referrer.digest, depth + 1)
    }
    for (const tag of (await legacyTags?.(subject, options)) ?? []) {
      if (!this.#first(tag)) continue
      const copied = await copy(this.#source, this.#sink, { ...options, from: tag, to: tag, sparse: 'keep' })
      this.copied.push(copied)
      await this.copyOf(copied.digest, depth + 1)
    }
  }

  #first(what: string): boolean {
    if (this.#seen.has(what)) return false
    if (this.#seen.size === countLimit)
      throw new GantryError('resource_exhausted', 'TOO_MANY_REFERRERS', `Cannot copy more than ${countLimit} referrers`)
    this.#seen.add(what)
    return true
  }
}

/** The tags that cosign up to version 2 gives what it makes for a digest. */
export const cosignTags = (subject: Digest): readonly string[] =>
  ['sig', 'att', 'sbom'].map((kind) => `${subject.slice(0, subject.indexOf(':'))}-${digestHex(subject)}.${kind}`)
