import type { DiskStore } from '../../content/interfaces.ts'
import type { Descriptor } from '../../oci/descriptor.ts'

/**
 * Names an image. What had the name before stays as a dangling image, under its digest, until it is removed or pruned: nobody's
 * work is lost to a moved tag. Under a lease of the caller.
 */
export const nameImage = async (store: DiskStore, name: string, target: Descriptor): Promise<void> => {
  const names = await store.names()
  const before = names.find((named) => named.name === name)?.descriptor
  // somebody may be removing it
  const stays = before !== undefined && (await store.has(before))
  await store.tag(name, target)
  const lastName = names.filter((named) => named.descriptor.digest === before?.digest).length === 1
  if (stays && before.digest !== target.digest && lastName) await store.tag(before.digest, before)
}
