import { join } from 'node:path'
import type { Abortable, ByteStream } from '../lib/bytes.ts'
import { diffUpper } from '../layers/diff.ts'
import { hasCacheMount, holdCacheMount, holdFolder, type CacheMountFacts } from './cache-mounts.ts'
import { extractInto } from './copy/extract-into.ts'
import { LayerDraft } from './copy/layer-draft.ts'
import { spoolArchive } from './copy/spool-archive.ts'
import { writeTree } from './execute/write-tree.ts'
import { MemoryTree, type MemoryEntry } from './tree/memory-tree.ts'

/** The content of a cache as a tar, the same bytes for the same files; undefined if it is gone, or if a step has it at the moment. */
export const exportCacheMount = async (root: string, key: string): Promise<ByteStream | undefined> => {
  const held = await holdFolder(root, key)
  return held === undefined ? undefined : tarOf(held)
}

async function* tarOf(mount: AsyncDisposable & { readonly folder: string }): ByteStream {
  await using held = mount
  yield* diffUpper(held.folder)
}

/**
 * Makes a cache out of a tar, compressed or not, that `exportCacheMount` wrote or anybody else; false if there is one already, which
 * then stays as it is. Names and links lead nowhere but into the cache; devices are left out.
 */
export const importCacheMount = async (
  root: string,
  facts: CacheMountFacts,
  tar: ByteStream,
  options: Abortable & { readonly now: () => Date; readonly scratch: () => Promise<string> },
): Promise<boolean> => {
  if (await hasCacheMount(root, facts)) return false
  let made = false
  const fill = async (folder: string): Promise<void> => {
    await writeTree(await treeOf(tar, await options.scratch(), options), '', folder, options)
    made = true
  }
  await using _held = await holdCacheMount(root, { ...facts, sharing: 'shared', fill }, options)
  return made
}

const treeOf = async (tar: ByteStream, folder: string, options: Abortable): Promise<MemoryTree> => {
  const entries = await spoolArchive(tar, join(folder, 'archive'), options)
  const draft = new LayerDraft(new MemoryTree())
  await extractInto(draft, entries, { destination: '/', time: { seconds: 0, nanoseconds: 0 } })
  return new MemoryTree(
    draft.entries().map(({ entry, body, sameAs }, index): MemoryEntry => {
      const source = sameAs?.body ?? body
      const inode = sameAs === undefined ? entry.path : sameAs.entry.path
      return {
        ...entry,
        ...(source === undefined ? {} : { open: () => source.open() }),
        ...(entry.kind === 'file' ? { inode: inode || String(index) } : {}),
      }
    }),
  )
}
