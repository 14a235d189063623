import { copy } from '../../content/copy.ts'
import { cachedSource } from './cached-source.ts'
import { readImage } from '../../content/image.ts'
import type { CopyEvent, Image } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { familiarName, formatReference, parseReference, withDefaultTag, type Reference } from '../../oci/reference.ts'
import type { RemoteRepository } from '../../remote/interfaces.ts'
import type { Engine } from '../engine.ts'
import { unpackingSink } from './unpacking-sink.ts'
import { unpackImage } from './unpack.ts'

export interface PullOptions extends Abortable {
  /** Which of several platforms; the machine's own when absent. */
  readonly platform?: Platform
  readonly onEvent?: (event: CopyEvent) => void
}

export interface PullResult {
  /** What the tag points at in the registry. */
  readonly target: Descriptor
  readonly image: Image
  readonly reference: Reference
  /** The name pointed at this already. */
  readonly upToDate: boolean
}

/** Downloads an image and makes it ready to run: every blob verified and stored, every layer unpacked or indexed, then named. */
export const pullImage = async (engine: Engine, text: string, options: PullOptions = {}): Promise<PullResult> => {
  const reference = withDefaultTag(parseReference(text))
  const name = formatReference(reference)
  const store = await engine.content()
  const repository = (await engine.registry()).repository(reference)
  await using _lease = await store.lease()
  const target = await resolveRemote(repository, reference, options)
  options.onEvent?.({ kind: 'resolved', reference: name, descriptor: target })
  const before = (await store.names()).find((named) => named.name === name)
  // manifests and config first: they say which blob is which layer, so that layers can be indexed while they arrive
  const source = cachedSource(repository, store)
  const choice = { platform: options.platform ?? engine.options.platform, fallback: options.platform === undefined }
  const image = await readImage(source, target, choice)
  const layers = await engine.layers()
  const sink = unpackingSink(store, layers, image)
  await copy(source, sink, {
    from: target,
    to: name,
    until: 'received',
    ...choice,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onEvent: (event) => {
      if (event.kind !== 'resolved') options.onEvent?.(event)
    },
  })
  await unpackImage(layers, store, image, options)
  return { target, image, reference, upToDate: before?.descriptor.digest === target.digest }
}

/** Resolves in the registry; for a tag that is not there the hint names the tags that are. */
const resolveRemote = async (repository: RemoteRepository, reference: Reference, options: Abortable): Promise<Descriptor> => {
  try {
    return await repository.resolve(reference.digest ?? reference.tag ?? 'latest', options)
  } catch (error) {
    if (!isGantryError(error, 'not_found') || reference.digest !== undefined) throw error
    const hint = await tagsHint(repository, reference)
    throw new GantryError(error.kind, error.code, error.message, {
      cause: error,
      hint: hint ?? error.hint ?? 'check the name and the tag',
    })
  }
}

const shown = 10

const tagsHint = async (repository: RemoteRepository, reference: Reference): Promise<string | undefined> => {
  let tags: readonly string[]
  try {
    tags = await repository.tags()
  } catch {
    return undefined // the first error says more
  }
  if (tags.length === 0) return `the repository "${familiarName(reference)}" has no tags`
  const sorted = tags.toSorted((a, b) => b.localeCompare(a, 'en', { numeric: true }))
  const more = sorted.length > shown ? ` and ${sorted.length - shown} more` : ''
  return `these tags exist: ${sorted.slice(0, shown).join(', ')}${more}; try 'gantry pull ${familiarName(reference)}:${sorted[0]}'`
}
