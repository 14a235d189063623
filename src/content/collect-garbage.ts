import type { Abortable } from '../lib/bytes.ts'
import { isGantryError, throwIfAborted } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest, DiffId } from '../oci/digest.ts'
import { configLimit, parseImageConfig } from '../oci/image-config.ts'
import { manifestLimit } from '../oci/manifest.ts'
import { isConfigType } from '../oci/media-type.ts'
import { describeManifest } from './describe-manifest.ts'
import type { DiskStore } from './interfaces.ts'
import { walk } from './walk.ts'

/** Everything that is in use: content by digest, and the layers that the images' configs name. */
export interface Reachable {
  readonly digests: ReadonlySet<Digest>
  readonly diffIds: ReadonlySet<DiffId>
}

export interface CollectOptions extends Abortable {
  /** More roots than the store's own: the images of containers, of running builds. */
  readonly keep?: Iterable<Descriptor>
  /** Also forget what has arrived of blobs that were not resumed since then (milliseconds since 1970). Default: keep all of it. */
  readonly partialsBefore?: number
  /** Called with all that is in use, while the store is held exclusively and nobody can start to use more: for what hangs on the content. */
  readonly whileExclusive?: (used: Reachable) => Promise<void>
}

/** `busy`: somebody holds a lease, nothing was done; what was left is found by the next collection. */
export type Collection =
  | { readonly kind: 'busy' }
  | ({ readonly kind: 'collected'; readonly deleted: readonly { readonly digest: Digest; readonly size: number }[] } & Reachable)

/** Finds all that the roots need. Children that were never fetched, and configs that are damaged or no image's, are passed over. */
export const reachable = async (
  store: DiskStore,
  keep: Iterable<Descriptor> = [],
  options: Abortable = {},
): Promise<Reachable> => {
  const digests = new Set<Digest>()
  const diffIds = new Set<DiffId>()
  const roots = [...(await store.names()).map(({ descriptor }) => descriptor), ...keep]
  for await (const reached of walk(store, roots, options)) {
    digests.add(reached.descriptor.digest)
    if (reached.kind === 'blob' && reached.role === 'config' && isConfigType(reached.descriptor.mediaType))
      for (const diffId of layersOf(store, reached.descriptor)) diffIds.add(diffId)
  }
  return { digests, diffIds }
}

const layersOf = (store: DiskStore, config: Descriptor): readonly DiffId[] => {
  try {
    return parseImageConfig(store.read(config, configLimit)).rootfs.diff_ids
  } catch (error) {
    if (isGantryError(error)) return []
    throw error
  }
}

/**
 * Deletes the blobs that no name and no other root leads to, and what dead writers left. Never waits: while anyone holds a lease the
 * answer is `busy`. Manifests go before the blobs they name, so that a collection that is killed leaves no manifest without its blobs.
 */
export const collectGarbage = async (store: DiskStore, options: CollectOptions = {}): Promise<Collection> => {
  await using exclusive = await store.tryExclusive()
  if (exclusive === undefined) return { kind: 'busy' }
  const { digests, diffIds } = await reachable(store, options.keep, options)
  const garbage: { readonly digest: Digest; readonly size: number }[] = []
  for await (const blob of store.list()) if (!digests.has(blob.digest)) garbage.push(blob)
  const manifests = new Set(garbage.filter((blob) => isManifest(store, blob)))
  const deleted = [...manifests, ...garbage.filter((blob) => !manifests.has(blob))]
  for (const { digest } of deleted) {
    throwIfAborted(options.signal)
    await store.delete(digest)
  }
  await store.sweep(options.partialsBefore ?? 0)
  await options.whileExclusive?.({ digests, diffIds })
  return { kind: 'collected', deleted, digests, diffIds }
}

const isManifest = (store: DiskStore, { digest, size }: { readonly digest: Digest; readonly size: number }): boolean => {
  if (size > manifestLimit) return false
  try {
    describeManifest(store, digest, size)
    return true
  } catch (error) {
    if (isGantryError(error)) return false
    throw error
  }
}
