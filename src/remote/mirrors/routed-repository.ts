import type { ByteRange } from '../../content/interfaces.ts'
import { keepVerified, verified } from '../../content/verify.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { GantryError, isGantryError, messageOf } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import { isIndexType, isManifestType } from '../../oci/media-type.ts'
import type { RawManifest, RemoteRepository } from '../interfaces.ts'
import { referenceIn } from '../reference-in.ts'
import type { Mirror } from './route.ts'

/** The repositories behind a name. */
export interface RoutedPlaces {
  readonly mirrors: readonly { readonly mirror: Mirror; readonly repository: RemoteRepository }[]
  readonly origin: RemoteRepository
  /** Often the same object as `origin`. */
  readonly push: RemoteRepository
}

export interface RoutedRepositoryOptions {
  /** True: it is written to, and no mirror and no rewriting concerns it. */
  readonly written: boolean
  readonly onWarning?: (message: string) => void
}

interface Failure {
  readonly domain: string
  readonly error: unknown
}

/** The error of the registry itself, and what its mirrors said before. */
const withMirrors = (error: unknown, failures: readonly Failure[]): unknown => {
  if (failures.length === 0 || !isGantryError(error)) return error
  const before = failures.map(({ domain, error: one }) => `mirror "${domain}": ${messageOf(one)}`).join('; ')
  return new GantryError(error.kind, error.code, `${error.message} (before that, ${before})`, {
    cause: error,
    detail: error.detail,
    ...(error.hint !== undefined && { hint: error.hint }),
  })
}

/**
 * A repository that is read from its mirrors, in their order, and then from the registry itself, and written to there. A mirror that
 * fails is left out from then on, by whatever it fails: the rest is asked of the next. Lists of tags and referrers are the registry's.
 */
export class RoutedRepository implements RemoteRepository {
  readonly manifestsAreWhole = true
  readonly domain: string
  readonly path: string
  readonly #open: () => Promise<RoutedPlaces>
  readonly #options: RoutedRepositoryOptions
  readonly #failures = new Map<Mirror, Failure>()
  /** Where a tag was found. */
  readonly #tagged = new Set<Mirror>()

  /** `open` is asked when the repository is first used, and once. */
  constructor(
    { domain, path }: { readonly domain: string; readonly path: string },
    open: () => Promise<RoutedPlaces>,
    options: RoutedRepositoryOptions,
  ) {
    this.domain = domain
    this.path = path
    let opened: Promise<RoutedPlaces> | undefined
    this.#open = () => (opened ??= open())
    this.#options = options
  }

  async resolve(reference: string, options?: Abortable): Promise<Descriptor> {
    const name = referenceIn(this, reference)
    return await this.#read(!isDigest(name), async (repository) => await repository.resolve(name, options))
  }

  async manifest(reference: string, options?: Abortable): Promise<RawManifest> {
    const name = referenceIn(this, reference)
    return await this.#read(!isDigest(name), async (repository) => await repository.manifest(name, options))
  }

  async open(descriptor: Descriptor, options: Abortable & { readonly range?: ByteRange } = {}): Promise<ByteStream> {
    const { mirrors } = await this.#open()
    // nothing to change over to, or too small to break off
    if (mirrors.length === 0 || isManifestType(descriptor.mediaType) || isIndexType(descriptor.mediaType))
      return await this.#read(false, async (repository) => await repository.open(descriptor, options))
    const start = options.range?.start ?? 0
    const end = options.range?.end ?? descriptor.size
    const openFrom = async (offset: number): Promise<Opened> =>
      await this.#read(false, async (repository, mirror) => ({
        mirror,
        stream: await repository.open(descriptor, { ...options, range: { start: offset, end } }),
      }))
    // asked for as a range, the stream is not verified there: it is here, over all places together
    const used = new Set<Mirror>()
    const stream = this.#changingOver(openFrom, await openFrom(start), start, used)
    if (options.range !== undefined) return stream
    const whole = verified(stream, descriptor)
    return keepVerified(whole, this.#blaming(whole, used))
  }

  async has(descriptor: Descriptor, options?: Abortable): Promise<boolean> {
    // what asks is about to write
    return await (await this.#open()).push.has(descriptor, options)
  }

  async write(descriptor: Descriptor, bytes: ByteStream, options?: Abortable): Promise<void> {
    await (await this.#open()).push.write(descriptor, bytes, options)
  }

  async writeFrom(descriptor: Descriptor, open: (offset: number) => Promise<ByteStream>, options?: Abortable): Promise<void> {
    await (await this.#open()).push.writeFrom(descriptor, open, options)
  }

  async mount(descriptor: Descriptor, options?: Abortable): Promise<boolean> {
    return await (await this.#open()).push.mount(descriptor, options)
  }

  async tag(reference: string, target: Descriptor, options?: Abortable): Promise<void> {
    await (await this.#open()).push.tag(referenceIn(this, reference), target, options)
  }

  async tags(options?: Abortable & { readonly limit?: number }): Promise<readonly string[]> {
    return await (await this.#own()).tags(options)
  }

  async pushed(tag: string, options?: Abortable): Promise<Date | undefined> {
    return await (await this.#own()).pushed(tag, options)
  }

  async referrers(subject: Digest, options?: Abortable & { readonly artifactType?: string }): Promise<readonly Descriptor[]> {
    return await (await this.#own()).referrers(subject, options)
  }

  async deleteManifest(digest: Digest, options?: Abortable): Promise<boolean> {
    return await (await this.#open()).push.deleteManifest(digest, options)
  }

  async deleteTag(tag: string, options?: Abortable): Promise<boolean> {
    return await (await this.#open()).push.deleteTag(tag, options)
  }

  async deleteBlob(digest: Digest, options?: Abortable): Promise<boolean> {
    return await (await this.#open()).push.deleteBlob(digest, options)
  }

  async #own(): Promise<RemoteRepository> {
    const { origin, push } = await this.#open()
    return this.#options.written ? push : origin
  }

  /** Asks one place after the other. */
  async #read<T>(isTag: boolean, ask: (repository: RemoteRepository, mirror?: Mirror) => Promise<T>): Promise<T> {
    const { mirrors } = await this.#open()
    for (const { mirror, repository } of this.#options.written ? [] : mirrors) {
      if (this.#failures.has(mirror) || !this.#serves(mirror, isTag)) continue
      try {
        const answer = await ask(repository, mirror)
        if (isTag) this.#tagged.add(mirror)
        return answer
      } catch (error) {
        this.#leaveOut(mirror, error)
      }
    }
    try {
      return await ask(await this.#own())
    } catch (error) {
      throw withMirrors(error, [...this.#failures.values()])
    }
  }

  #serves(mirror: Mirror, isTag: boolean): boolean {
    if (isTag) return mirror.tags
    return mirror.content === 'tagged' ? this.#tagged.has(mirror) : mirror.content
  }

  /** Remembers why; says so unless the mirror merely lacks something. What the user has stopped is no failure. */
  #leaveOut(mirror: Mirror, error: unknown): void {
    if (!isGantryError(error) || error.kind === 'canceled') throw error
    this.#failures.set(mirror, { domain: mirror.domain, error })
    if (error.kind !== 'not_found')
      this.#options.onWarning?.(`the mirror "${mirror.domain}" of "${this.domain}" is left out: ${error.message}`)
  }

  /** Wrong bytes are seen at their end, when it is too late to go on elsewhere: the mirrors that had a part in them are left out. */
  async *#blaming(stream: ByteStream, used: ReadonlySet<Mirror>): ByteStream {
    try {
      yield* stream
    } catch (error) {
      if (!isGantryError(error, 'data_loss') || used.size === 0) throw error
      for (const mirror of used) this.#leaveOut(mirror, error)
      const domains = [...used].map(({ domain }) => `"${domain}"`).join(', ')
      throw new GantryError(error.kind, 'MIRROR_MISMATCH', `${error.message} (from the mirror ${domains})`, {
        detail: error.detail,
      })
    }
  }

  /** A stream that goes on elsewhere when a mirror breaks off. */
  async *#changingOver(
    openFrom: (offset: number) => Promise<Opened>,
    first: Opened,
    start: number,
    used: Set<Mirror>,
  ): ByteStream {
    let offset = start
    for (let opened = first; ;) {
      try {
        if (opened.mirror !== undefined) used.add(opened.mirror)
        for await (const chunk of opened.stream) {
          offset += chunk.length
          yield chunk
        }
        return
      } catch (error) {
        if (opened.mirror === undefined) throw error
        this.#leaveOut(opened.mirror, error)
        opened = await openFrom(offset)
      }
    }
  }
}

interface Opened {
  readonly stream: ByteStream
  /** Undefined: the registry itself. */
  readonly mirror: Mirror | undefined
}
