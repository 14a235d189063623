import { bytesAsText } from '../../layers/tree/byte-text.ts'
import { GantryError } from '../../lib/errors.ts'
import { resolvePath } from '../tree/resolve-path.ts'
import { cleanPath, joinPath, nameOf, parentOf, type TreeEntry } from '../tree/tree.ts'
import type { Owner } from './copy-into.ts'
import type { DraftEntry, FolderAttributes, LayerDraft } from './layer-draft.ts'
import type { SpooledEntry } from './spool-archive.ts'

export interface ExtractOptions {
  /** Absolute; it and the folders above are made where they are missing. */
  readonly destination: string
  /** Of all that is extracted. Default: as the archive says. */
  readonly owner?: Owner
  /** Of the folders that are made for the destination. */
  readonly time: TreeEntry['mtime']
}

/**
 * Extracts an archive into the draft as docker's ADD does: names and links cannot lead out of the destination, which is the root
 * for them; what is in the way goes, folders stay and get the archive's attributes. Modes are the archive's whatever --chmod says.
 * `invalid_argument` for a hard link to nothing.
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
    // the archive's own root says nothing of the folder that it is extracted to
    if (path === '') continue
    if (entry.kind === 'hardlink') {
      const link = joinPath(root, await resolveIn(below, cleanPath(bytesAsText(entry.linkName ?? '', entry.rawLinkName)), false))
      const target = items.get(link)
      if (target === undefined) throw noTarget(entry.name, entry.linkName ?? '')
      if (link === full) continue
      const first = await withAttributes(draft, items, target.sameAs ?? target, { ...entry, ...options.owner })
      const item = { ...first, entry: { ...first.entry, path: full }, sameAs: first }
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
    const item: DraftEntry = {
      entry: {
        ...rest,
        ...options.owner,
        path: full,
        kind,
        ...(linkName === undefined ? {} : { target: bytesAsText(linkName, entry.rawLinkName) }),
      },
      ...(body === undefined ? {} : { body }),
    }
    await draft.put(item)
    items.set(full, item)
  }
}

/** A link's header holds for the file that it is another name of: docker sets what it says as it does for any entry. */
const withAttributes = async (
  draft: LayerDraft,
  items: Map<string, DraftEntry>,
  file: DraftEntry,
  { mode, uid, gid, mtime }: Pick<TreeEntry, 'mode' | 'uid' | 'gid' | 'mtime'>,
): Promise<DraftEntry> => {
  const { entry } = file
  const changed = { ...entry, uid, gid, ...(entry.kind === 'symlink' ? {} : { mode, mtime }) }
  if (changed.uid === entry.uid && changed.gid === entry.gid && changed.mode === entry.mode && sameTime(changed, entry))
    return file
  const first: DraftEntry = { ...file, entry: changed }
  const names = [...items].filter(([, item]) => item.sameAs === file)
  for (const [path, item] of [[entry.path, first] as const, ...names]) {
    const renewed = item === first ? first : { ...item, entry: { ...changed, path }, sameAs: first }
    // something else may have taken the name meanwhile
    if (items.get(path) !== (item === first ? file : item)) continue
    await draft.put(renewed)
    items.set(path, renewed)
  }
  return first
}

const sameTime = (one: Pick<TreeEntry, 'mtime'>, other: Pick<TreeEntry, 'mtime'>): boolean =>
  one.mtime.seconds === other.mtime.seconds && one.mtime.nanoseconds === other.mtime.nanoseconds

const resolveIn = async (tree: Parameters<typeof resolvePath>[0], path: string, last = true): Promise<string> =>
  (await resolvePath(tree, path, { last })).path

const noTarget = (name: string, target: string): GantryError =>
  new GantryError(
    'invalid_argument',
    'ARCHIVE_LINK',
    `Cannot extract "${name}": it is a hard link to "${target}", which is not in the archive before it`,
  )
