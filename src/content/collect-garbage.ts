import type { Abortable } from '../lib/bytes.ts'
import { throwIfAborted } from '../lib/errors.ts'
import type { LiveLeases } from '../lib/leases.ts'
import { removeTree } from '../lib/remove-tree.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { DiffId } from '../oci/digest.ts'
import type { DiskStore, Garbage } from './interfaces.ts'
import { Reachable } from './reachable.ts'

/** What hangs on the content of a store: layers, and what is made of them. */
export interface Dependent {
  /** What is not in `used`, the diff IDs and chain IDs of what is in use. */
  garbage(used: ReadonlySet<string>): AsyncIterable<Garbage>
  /** Removes what dead processes left. */
  removeLeftovers(): Promise<void>
}

export interface CollectOptions extends Abortable {
  /** More roots than the store's own names. */
  readonly keep?: Iterable<Descriptor>
  /** Stacks of layers, base first, that are in use whatever the images say. Asked for twice, the second time while nobody can add one. */
  readonly stacks?: () => Promise<Iterable<readonly DiffId[]>>
  /** Digests of blobs, diff IDs and chain IDs that are wanted whatever names them. Asked for twice as well. */
  readonly wanted?: () => Iterable<string>
  readonly dependents?: readonly Dependent[]
  /** Also forget what has arrived of blobs that were not resumed since then (milliseconds since 1970). Default: keep all of it. */
  readonly partialsBefore?: number
  /** Called with what was taken out of sight and where it is, before it is removed. */
  readonly onHidden?: (hidden: readonly HiddenGarbage[]) => void
}

export interface HiddenGarbage {
  readonly garbage: Garbage
  readonly path: string
}

/**
 * Removes what neither a name nor a live process nor any other root leads to, and what dead processes left, while others go on: looks
 * for it at leisure, looks again at what has been added meanwhile in a short moment in which nobody can begin to rely on anything, and
 * takes what is still unused out of sight then. Answers what was removed.
 */
export const collectGarbage = async (store: DiskStore, options: CollectOptions = {}): Promise<readonly Garbage[]> => {
  const { dependents = [], stacks = async () => [], wanted = () => [], signal } = options
  const { leases } = store
  await using _lease = await leases.take()
  const owner = await leases.owner()
  const reachable = new Reachable(store, options)
  const mark = async (live: LiveLeases): Promise<void> => {
    // leases first: who has given up one has named before what it was for
    await reachable.addLeases([...live.values(), wanted()])
    await reachable.add([...(await store.names()).map(({ descriptor }) => descriptor), ...(options.keep ?? [])])
    for (const stack of await stacks()) reachable.addLayers(stack)
  }
  await mark(await leases.live())
  const found = await Array.fromAsync(store.garbage(reachable.blobs, options.partialsBefore))
  for (const dependent of dependents) found.push(...(await Array.fromAsync(dependent.garbage(reachable.layers))))
  throwIfAborted(signal)
  const hidden: HiddenGarbage[] = []
  const hide = async (live: LiveLeases): Promise<void> => {
    await mark(live)
    for (const garbage of found) {
      const used = garbage.place === 'content' ? reachable.blobs : reachable.layers
      const path = used.has(garbage.digest) ? undefined : garbage.hide(owner)
      if (path !== undefined) hidden.push({ garbage, path })
    }
  }
  if (found.length > 0) await leases.collect(hide, options)
  options.onHidden?.(hidden)
  for (const { path } of hidden) await removeTree(path)
  for (const place of [store, ...dependents]) await place.removeLeftovers()
  return hidden.map(({ garbage }) => garbage)
}
