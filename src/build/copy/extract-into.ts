import { bytesAsText } from '../../layers/tree/byte-text.ts'
import { GantryError } from '../../lib/errors.ts'
import { resolvePath } from '../tree/resolve-path.ts'
import { cleanPath, joinPath, nameOf, parentOf, type TreeEntry } from '../tree/tree.ts'
import type { ModeChange } from './chmod.ts'
import type { Owner } from './copy-into.ts'
import type { DraftEntry, FolderAttributes, LayerDraft } from './layer-draft.ts'
import type { SpooledEntry } from './spool-archive.ts'

export interface ExtractOptions {
  /** Absolute; it and the folders above are made where they are missing. */
  readonly destination: string
  /** Of all that is extracted. Default: as the archive says. */
  readonly owner?: Owner
  readonly chmod?: ModeChange
  /** Of the folders that are made for the destination. */
  readonly time: TreeEntry['mtime']
}

/**
 * Extracts an archive into the draft as docker's ADD does: names and links cannot lead out of the destination, which is the root
 * for them; what is in the way goes, folders stay and get the archive's attributes. `invalid_argument` for a hard link to nothing.
 */
export const extractInto = async (
  draft: LayerDraft,
  entries: readonly SpooledEntry[],
  options: ExtractOptions,
): Promise<void> => {
  const made: FolderAttributes = { mode: 0o755, uid: 0, gid: 0, ...options.owner, mtime: options.time }
  const { path: root } = await draft.resolve(cleanPath(bytesAsText(options.destination)))
  await draft.makeFolders(root, made)
  const below = { stat: (path: string) => draft.stat(joinPath(root, path)) }
  const items = new Map<string, DraftEntry>()
  for (const { entry, body } of entries) {
    const path = cleanPath(bytesAsText(entry.name, entry.rawName))
    const parent = await resolveIn(below, parentOf(path))
    const full = joinPath(joinPath(root, parent), nameOf(path))
    await draft.makeFolders(parentOf(full), { ...made, mtime: entry.mtime })
    if (path === '' && entry.kind !== 'folder') continue
    if (entry.kind === 'hardlink') {
      const link = joinPath(root, await resolveIn(below, cleanPath(bytesAsText(entry.linkName ?? '', entry.rawLinkName)), false))
      const first = items.get(link)
      if (first === undefined) throw noTarget(entry.name, entry.linkName ?? '')
      if (link === full) continue
      const item = { ...first, entry: { ...first.entry, path: full }, sameAs: first.sameAs ?? first }
      await draft.put(item)
      items.set(full, item)
      continue
    }
    const {
      name: _name,
      rawName: _raw,
      linkName,
      rawLinkName: _rawLink,
      userName: _user,
      groupName: _group,
      sparse: _sparse,
      kind,
      ...rest
    } = entry
    const mode = options.chmod === undefined || kind === 'symlink' ? rest.mode : options.chmod(rest.mode, kind === 'folder')
    const item: DraftEntry = {
      entry: {
        ...rest,
        ...options.owner,
        path: full,
        kind,
        mode,
        ...(linkName === undefined ? {} : { target: bytesAsText(linkName, entry.rawLinkName) }),
      },
      ...(body === undefined ? {} : { body }),
    }
    await draft.put(item)
    items.set(full, item)
  }
}

const resolveIn = async (tree: Parameters<typeof resolvePath>[0], path: string, last = true): Promise<string> =>
  (await resolvePath(tree, path, { last })).path

const noTarget = (name: string, target: string): GantryError =>
  new GantryError(
    'invalid_argument',
    'ARCHIVE_LINK',
    `Cannot extract "${name}": it is a hard link to "${target}", which is not in the archive before it`,
  )
