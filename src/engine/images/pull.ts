import { copy } from '../../content/copy.ts'
import { cachedSource } from './cached-source.ts'
import { readImage } from '../../content/image.ts'
import type { CopyEvent, Image } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { formatReference, parseReference, withDefaultTag, withDigest, type Reference } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { platformWarning } from './platform-warning.ts'
import { resolveRemote } from './resolve-remote.ts'
import { noteUnfinished } from './unfinished.ts'
import { unpackingSink } from './unpacking-sink.ts'
import { unpackImage } from './unpack.ts'

export interface PullOptions extends Abortable {
  /** Which of several platforms; the machine's own when absent; `all`: the whole index with all that it names. */
  readonly platform?: Platform | 'all'
  /** What the name stands for in the registry, where that is known already. */
  readonly target?: Descriptor
  readonly onEvent?: (event: CopyEvent) => void
}

export interface PullResult {
  /** What the tag points at in the registry. */
  readonly target: Descriptor
  readonly image: Image
  readonly reference: Reference
  /** The name pointed at this already, and all of it was here. */
  readonly upToDate: boolean
  /** Of an image that this machine cannot run by itself, though no platform was asked for. */
  readonly warning?: string
}

/** Downloads an image and makes it ready to run: every blob verified and stored, every layer unpacked or indexed, then named. */
export const pullImage = async (engine: Engine, text: string, options: PullOptions = {}): Promise<PullResult> => {
  const reference = withDefaultTag(parseReference(text))
  // a digest says all: the tag beside it may mean something else by now, and gets no name here
  const name = formatReference(reference.digest === undefined ? reference : withDigest(reference, reference.digest))
  const store = await engine.content()
  const client = await engine.registry()
  const repository = client.repository(reference)
  await using _lease = await store.lease()
  const target = options.target ?? (await resolveRemote(client, repository, reference, options))
  options.onEvent?.({ kind: 'resolved', reference: name, descriptor: target })
  const before = (await store.names()).find((named) => named.name === name)
  // manifests and config first: they say which blob is which layer, so that layers can be indexed while they arrive
  const source = cachedSource(repository, store)
  const host = engine.options.platform
  const { platform = host } = options
  const fallback = options.platform === undefined
  // of a whole index the image for this machine is made ready to run now, the others when they are wanted
  const choice = platform === 'all' ? ({ platform: host, fallback: 'any' } as const) : { platform, fallback }
  const image = await readImage(source, target, choice)
  const finished = noteUnfinished(engine, name, target, image)
  const layers = await engine.layers()
  const sink = unpackingSink(store, layers, image)
  let changed = before?.descriptor.digest !== target.digest
  await copy(source, sink, {
    from: target,
    to: name,
    until: 'received',
    platform,
    fallback,
    sparse: 'keep',
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onEvent: (event) => {
      changed ||= event.kind === 'done'
      if (event.kind !== 'resolved') options.onEvent?.(event)
    },
  })
  await unpackImage(layers, store, image, options)
  finished()
  const warning = options.platform === undefined ? platformWarning(image.config, host) : undefined
  return { target, image, reference, upToDate: !changed, ...(warning === undefined ? {} : { warning }) }
}
