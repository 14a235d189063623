import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isGantryError, systemCode } from '../../lib/errors.ts'
import { randomHex } from '../../lib/random.ts'
import type { Leases } from '../../lib/leases.ts'
import { withLock } from '../../lib/lock.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import { manifestLimit, parseManifestOrIndex } from '../../oci/manifest.ts'
import { blobPath } from '../blob-files.ts'
import { describeManifest } from '../describe-manifest.ts'
import type { DiskStore, Garbage } from '../interfaces.ts'
import { ingestFolder, partialPath } from './ingest.ts'

/** The blobs of a store that are not in `used`, and the partial ones that have not been resumed since `partialsBefore`. */
export async function* findGarbage(
  store: DiskStore,
  used: ReadonlySet<string>,
  partialsBefore: number | undefined,
): AsyncIterable<Garbage> {
  const { folder } = store
  const blobs: { readonly digest: Digest; readonly size: number }[] = []
  for await (const blob of store.list()) if (!used.has(blob.digest)) blobs.push(blob)
  mkdirSync(ingestFolder(folder), { recursive: true })
  for (const digest of parentsFirst(store, blobs))
    yield { place: 'content', kind: 'blob', digest, hide: (owner) => hideFile(folder, blobPath(folder, digest), owner) }
  for (const digest of lonelyLocks(folder))
    if (!used.has(digest)) yield { place: 'content', kind: 'partial', digest, hide: () => dropLock(folder, digest) }
  if (partialsBefore === undefined) return
  for (const digest of partials(folder, partialsBefore)) {
    const hide = (owner: string): string | undefined => {
      dropLock(folder, digest)
      return hideFile(folder, partialPath(folder, digest), owner)
    }
    if (!used.has(digest)) yield { place: 'content', kind: 'partial', digest, hide }
  }
}

/** Nobody waits for the lock of a blob that is not used: whoever wants the blob has said so. */
const dropLock = (folder: string, digest: Digest): undefined => {
  rmSync(`${partialPath(folder, digest)}.lock`, { force: true })
}

const hideFile = (folder: string, path: string, owner: string): string | undefined => {
  const hidden = join(ingestFolder(folder), `${owner}.${randomHex(8)}.tmp`)
  try {
    renameSync(path, hidden)
    return hidden
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Manifests before what they name, so that a collection that is killed leaves none without its children; all else after them. */
const parentsFirst = (
  store: DiskStore,
  blobs: readonly { readonly digest: Digest; readonly size: number }[],
): readonly Digest[] => {
  const children = new Map<Digest, readonly Digest[]>()
  for (const { digest, size } of blobs) {
    const named = size > manifestLimit ? undefined : namedBy(store, digest, size)
    if (named !== undefined) children.set(digest, named)
  }
  const finished = new Set<Digest>()
  const visit = (digest: Digest): void => {
    const named = children.get(digest)
    if (named === undefined) return
    children.delete(digest)
    for (const child of named) visit(child)
    finished.add(digest)
  }
  for (const digest of children.keys()) visit(digest)
  return [...[...finished].toReversed(), ...blobs.map(({ digest }) => digest).filter((digest) => !finished.has(digest))]
}

/** The manifests that an index names, none for a manifest; undefined for what is neither, or has gone meanwhile. */
const namedBy = (store: DiskStore, digest: Digest, size: number): readonly Digest[] | undefined => {
  try {
    const parsed = parseManifestOrIndex(store.read({ mediaType: '', digest, size }))
    return parsed.kind === 'index' ? parsed.index.manifests.map((child) => child.digest) : []
  } catch (error) {
    if (isGantryError(error)) return undefined
    throw error
  }
}

/** The descriptor of a blob that is a manifest or an index. */
export const manifestOf = (store: DiskStore, digest: Digest, size: number): Descriptor | undefined => {
  if (size > manifestLimit) return undefined
  try {
    return describeManifest(store, digest, size)
  } catch (error) {
    if (isGantryError(error)) return undefined
    throw error
  }
}

/** The digest that the name of a partial download or of its lock has. */
const digestIn = (name: string): string => name.replace(/\.lock$/, '').replace('-', ':')

/** Blobs whose lock was left by who was killed after they had become whole, or before anything had come. */
const lonelyLocks = (folder: string): readonly Digest[] => {
  const names = new Set(namesIn(ingestFolder(folder)))
  return [...names]
    .filter((name) => name.endsWith('.lock') && !names.has(name.replace(/\.lock$/, '')))
    .map(digestIn)
    .filter(isDigest)
}

const partials = (folder: string, before: number): readonly Digest[] => {
  const found = new Set<Digest>()
  for (const name of namesIn(ingestFolder(folder))) {
    const digest = digestIn(name)
    const modified = statSync(join(ingestFolder(folder), name), { throwIfNoEntry: false })?.mtimeMs ?? Infinity
    if (isDigest(digest) && modified < before) found.add(digest)
  }
  return [...found]
}

/** Removes the temporary files of dead writers. */
export const removeLeftovers = async (folder: string, leases: Leases, namesLock: string): Promise<void> => {
  // the files first: a writer had its lease before it had a file
  const files = namesIn(ingestFolder(folder)).filter((name) => name.endsWith('.tmp'))
  if (files.length > 0) {
    const live = await leases.live()
    for (const name of files)
      if (!live.has(name.split('.')[0] ?? '')) rmSync(join(ingestFolder(folder), name), { recursive: true, force: true })
  }
  const drafts = (): readonly string[] => namesIn(folder).filter((name) => /^\..*\.tmp$/.test(name))
  if (drafts().length === 0) return
  await withLock(namesLock, 'exclusive', async () => {
    for (const name of drafts()) rmSync(join(folder, name), { force: true })
  })
}

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
