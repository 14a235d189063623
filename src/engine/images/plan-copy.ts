import { choosePlatforms } from '../../content/copy-platforms.ts'
import type { ContentSink } from '../../content/interfaces.ts'
import { isLayoutFolder } from '../../content/layout-index.ts'
import { walk } from '../../content/walk.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Engine } from '../engine.ts'
import type { Location } from '../locations/location.ts'
import { openSource } from '../locations/open-source.ts'
import type { CopyImageOptions } from './copy.ts'

/** What a copy would do, manifests, indexes and blobs alike. */
export interface CopyPlan {
  /** What the copy's name would point at. */
  readonly target: Descriptor
  readonly missing: readonly Descriptor[]
  /** What the target has already. */
  readonly present: readonly Descriptor[]
}

/** Finds out what copyImage() would send, without sending or making anything. Layers that are compressed when they leave count as they are. */
export const planCopy = async (
  engine: Engine,
  from: Location,
  to: Location,
  options: CopyImageOptions = {},
): Promise<CopyPlan> => {
  const { platforms = [], preserveDigests = false, signal } = options
  const abortable = signal === undefined ? {} : { signal }
  await using source = await openSource(engine, from, abortable)
  const root = await source.source.resolve(source.reference, abortable)
  const { target, members } = await choosePlatforms(source.source, root, { platforms, sparse: preserveDigests, ...abortable })
  const all = new Map<Digest, Descriptor>([[target.digest, target]])
  for await (const { kind, descriptor } of walk(source.source, members, abortable))
    if (kind !== 'missing') all.set(descriptor.digest, descriptor)
  const sink = await existing(engine, to)
  const there = await mapConcurrent([...all.values()], 4, async (one) => sink !== undefined && (await sink.has(one, abortable)))
  const descriptors = [...all.values()]
  return {
    target,
    missing: descriptors.filter((_, index) => there[index] !== true),
    present: descriptors.filter((_, index) => there[index] === true),
  }
}

/** The target as it is now; undefined where nothing is or all is replaced. */
const existing = async (engine: Engine, to: Location): Promise<Pick<ContentSink, 'has'> | undefined> => {
  switch (to.kind) {
    case 'registry':
      return (await engine.registry()).repository(to.reference)
    case 'store':
      return await engine.content()
    case 'layout':
      return isLayoutFolder(to.path) ? await (await import('../../content/layout.ts')).openLayout(to.path) : undefined
    case 'archive':
    case 'folder':
      return undefined
  }
}
