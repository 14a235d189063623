import { createHash } from 'node:crypto'
import type { LayerEntry, LayerReader, LayerStore } from '../../layers/interfaces.ts'
import { bytesAsText } from '../../layers/tree/byte-text.ts'
import { chainIds } from '../../oci/chain-id.ts'
import { entryFacts } from '../tree/entry-facts.ts'
import { parentOf } from '../tree/tree.ts'
import type { FilesResult, ResultLayer } from './executor.ts'

/** Entries of a layer, and bytes of its files, up to which it is looked into. */
const mostEntries = 2000
const mostBytes = 16 * 1024 * 1024

/**
 * Names what is below a folder of a result without walking it: for each layer that has a say there, what that is; for a large one its
 * digest. The same names mean the same files, though not the other way round: a stage whose last steps are done again still gives the
 * thousands of files that came before them.
 */
export const layerViews = async (result: FilesResult, path: string, store: LayerStore): Promise<readonly string[]> => {
  const chain = chainIds(result.layers.map(({ diffId }) => diffId))
  const views: string[] = []
  for (const [index, layer] of result.layers.entries()) {
    const view = await viewOf(layer, path, store)
    if (view === 'chain') views.push(chain[index] ?? '')
    else if (view !== 'nothing') views.push(view)
  }
  return views
}

/** `nothing` if the layer has no say; a digest of what it says, or its own; or `chain` if what it says depends on the layers below it. */
const viewOf = async ({ diffId, blob }: ResultLayer, path: string, store: LayerStore): Promise<string> => {
  await using reader = await store.open(diffId)
  if (!(await touches(reader, path))) return 'nothing'
  const { entries, contentSize } = await store.info(diffId)
  // in a layer from elsewhere a hard link may lead to a file of those below it
  if (blob !== undefined) return 'chain'
  if (entries > mostEntries || contentSize > mostBytes) return diffId
  const sum = createHash('sha256')
  for await (const entry of reader.entries()) {
    const own = pathOf(entry)
    if (!hasSay(own, entry, path)) continue
    if (entry.lowerLink !== undefined) return 'chain'
    const content = entry.kind === 'file' ? await contentOf(reader, entry) : ''
    sum.update(`${own}\0${factsOf(entry)}\0${content}\0\0`, 'latin1')
  }
  return sum.digest('hex')
}

const pathOf = ({ path, rawPath }: LayerEntry): string => bytesAsText(path, rawPath)

/** Whether anything of the layer is at or below the path, or changes what the path means. */
const touches = async (reader: LayerReader, path: string): Promise<boolean> => {
  for (let one = path; one !== ''; one = parentOf(one)) {
    const entry = await reader.entry(Buffer.from(one, 'latin1'))
    if (entry !== undefined && hasSay(one, entry, path)) return true
  }
  // the root itself is in every layer
  return path === ''
}

/** What is at or below the path; above it, what is no folder that lets through what is below the layer. */
const hasSay = (own: string, { kind, opaque }: LayerEntry, path: string): boolean =>
  path === '' || own === path || own.startsWith(`${path}/`)
    ? true
    : (path.startsWith(`${own}/`) || own === '') && (kind !== 'folder' || opaque === true)

const factsOf = (entry: LayerEntry): string => {
  const { kind, mode, uid, gid, size, mtime, target, rawTarget, device, xattrs, hardLink, opaque, implicit } = entry
  const facts = entryFacts({
    path: '',
    kind: kind === 'whiteout' ? 'file' : kind,
    mode,
    uid,
    gid,
    size,
    mtime,
    ...(target === undefined ? {} : { target: bytesAsText(target, rawTarget) }),
    ...(device === undefined ? {} : { device }),
    ...(xattrs === undefined ? {} : { xattrs }),
  })
  return `${kind}\0${hardLink ?? ''}\0${opaque === true}\0${implicit === true}\0${facts}`
}

const contentOf = async (reader: LayerReader, entry: LayerEntry): Promise<string> => {
  if (entry.size === 0) return ''
  const sum = createHash('sha256')
  for await (const chunk of reader.read(entry)) sum.update(chunk)
  return sum.digest('hex')
}
