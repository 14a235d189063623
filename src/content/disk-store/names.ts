import { join } from 'node:path'
import { withLock } from '../../lib/lock.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import type { NamedDescriptor } from '../interfaces.ts'
import { encodeLayoutIndex, layoutEntry, readLayoutIndex, type LayoutEntry } from '../layout-index.ts'

const nameLimit = 1024

/** The entries of a store's index.json as names. */
export const listNames = (folder: string): readonly NamedDescriptor[] =>
  readLayoutIndex(folder).entries.map(({ name, descriptor }) => (name === undefined ? { descriptor } : { name, descriptor }))

/** Names a descriptor in a list of entries; a digest as the name keeps it without one. */
export const addName = (entries: readonly LayoutEntry[], name: string, target: Descriptor): readonly LayoutEntry[] => {
  const same = (entry: LayoutEntry): boolean => entry.descriptor.digest === target.digest
  if (isDigest(name)) return entries.some(same) ? entries : [...entries, layoutEntry(target)]
  if (name === '' || name.length > nameLimit || !/^[\x21-\x7e]+$/.test(name))
    throw new GantryError(
      'invalid_argument',
      'NAME_INVALID',
      `Cannot name "${target.digest}": ${JSON.stringify(name.slice(0, 200))} is no name`,
    )
  // in place, so that the order of naming stays; a nameless entry becomes the named one
  const nameless = (entry: LayoutEntry): boolean => entry.name === undefined && same(entry)
  const at = entries.findIndex((entry) => entry.name === name)
  const place = at >= 0 ? at : entries.findIndex(nameless)
  const added = layoutEntry(target, name)
  const placed = place >= 0 ? entries.with(place, added) : [...entries, added]
  return placed.filter((entry) => !nameless(entry))
}

/** Takes a name away, if it is `target`'s where that is given; or the nameless entries of a digest. */
export const removeName = (entries: readonly LayoutEntry[], name: string, target?: Digest): readonly LayoutEntry[] =>
  entries.filter((entry) => {
    if (isDigest(name)) return entry.name !== undefined || entry.descriptor.digest !== name
    return entry.name !== name || (target !== undefined && entry.descriptor.digest !== target)
  })

/** Changes the entries of a store's index.json while no other process does; answers whether anything changed. Readers see the old or the new file. */
export const changeNames = async (
  folder: string,
  lockPath: string,
  change: (entries: readonly LayoutEntry[]) => readonly LayoutEntry[],
  options?: Abortable,
): Promise<boolean> =>
  await withLock(
    lockPath,
    'exclusive',
    async () => {
      const index = readLayoutIndex(folder)
      const entries = change(index.entries)
      const encoded = encodeLayoutIndex({ rest: index.rest, entries })
      if (encoded === encodeLayoutIndex(index)) return false
      await writeFileAtomic(join(folder, 'index.json'), encoded)
      return true
    },
    options,
  )
