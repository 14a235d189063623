import type { TreeEntry } from './tree.ts'

/**
 * What counts of an entry for a cache, as text: everything but its path, its time and which of several names it is (BuildKit's
 * contenthash); the mode of a symlink means nothing. Different for different entries: only the last field may hold anything.
 */
export const entryFacts = ({ kind, mode, uid, gid, size, target = '', device, xattrs }: TreeEntry): string =>
  `${kind}\0${kind === 'symlink' ? 0o777 : mode}\0${uid}\0${gid}\0${size}\0${target}\0${device?.major ?? ''}:${device?.minor ?? ''}\0${xattrs === undefined ? '' : xattrFacts(xattrs)}`

const xattrFacts = (xattrs: Readonly<Record<string, Uint8Array>>): string =>
  JSON.stringify(
    Object.entries(xattrs)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  )
