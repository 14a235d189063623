import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { extractInto } from '../copy/extract-into.ts'
import { LayerDraft } from '../copy/layer-draft.ts'
import { isArchive, spoolArchive } from '../copy/spool-archive.ts'
import { MemoryTree, type MemoryEntry } from '../tree/memory-tree.ts'
import { bytesAsText } from '../../layers/tree/byte-text.ts'
import type { FetchedFile } from './fetch-http.ts'

/** A fetched file as the only one of a tree: 0600 of root, of the time that the server gave, else of 1970 (BuildKit's http source). */
export const fileTree = (file: FetchedFile, name: string): MemoryTree =>
  new MemoryTree([
    {
      path: bytesAsText(name),
      kind: 'file',
      mode: 0o600,
      uid: 0,
      gid: 0,
      size: file.size,
      mtime: { seconds: file.modified ?? 0, nanoseconds: 0 },
      open: () => bytesOf(file.path),
    },
  ])

export const bytesOf = (path: string): ByteStream =>
  createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>

/** What an archive holds as a tree, with the owners that it says, unless the file is none. The bytes of its files are kept in `folder`. */
export const archiveTree = async (
  path: string,
  folder: string,
  { signal }: Abortable,
): Promise<{ readonly tree: MemoryTree; readonly time?: number } | undefined> => {
  if (!(await isArchive(bytesOf(path)))) return undefined
  const draft = new LayerDraft(new MemoryTree())
  const entries = await spoolArchive(bytesOf(path), join(folder, 'files'), signal === undefined ? {} : { signal })
  await extractInto(draft, entries, { destination: '/', time: { seconds: 0, nanoseconds: 0 } })
  const files: readonly MemoryEntry[] = draft
    .entries()
    .map(({ entry, body }) => ({ ...entry, ...(body === undefined ? {} : { open: () => body.open() }) }))
  const time = draft.newest()
  return { tree: new MemoryTree(files), ...(time === undefined ? {} : { time }) }
}
