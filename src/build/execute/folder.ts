import { bytesAsText } from '../../layers/tree/byte-text.ts'
import { isGantryError } from '../../lib/errors.ts'
import type { Owner } from '../copy/copy-into.ts'
import { LayerDraft } from '../copy/layer-draft.ts'
import type { FolderOp } from '../graph.ts'
import type { Tree } from '../tree/tree.ts'
import { layerKey, lazy, writeLayer } from './copy.ts'
import { chainOf, defaultTime, keyOf, type Executor } from './executor.ts'
import { filesInput, treeInput } from './inputs.ts'
import { resolveOwner } from './owner.ts'

/** WORKDIR: a layer with the folder and those above it that are missing, of the current user; an empty layer if all are there. */
export const executeFolder: Executor<FolderOp> = async ({ op }, inputs, context) => {
  const base = filesInput(inputs)
  const draft = lazy(async () => {
    const target = await treeInput(inputs, 0, context)
    const draft = new LayerDraft(target)
    const { path } = await draft.resolve(bytesAsText(op.path))
    const owner = op.user === '' ? { uid: 0, gid: 0 } : await ownerOrRoot(op.user, target)
    await draft.makeFolders(path, { mode: 0o755, ...owner, mtime: { seconds: defaultTime(base, context.times), nanoseconds: 0 } })
    return draft
  })
  return {
    kind: 'step',
    base,
    keys: [async () => keyOf({ ...op, onto: chainOf(base) }, context), async () => await layerKey(draft, context, base.time)],
    facts: keyOf({ ...op }, context),
    files: async () => await (await draft()).fileFacts(),
    run: async () => await writeLayer(await draft(), context),
  }
}

/** A user whom the image does not know yet makes root's folder, as in docker: it may be made later, or only when it runs. */
const ownerOrRoot = async (user: string, target: Tree): Promise<Owner> => {
  try {
    return await resolveOwner(user, target)
  } catch (error) {
    if (isGantryError(error, 'not_found')) return { uid: 0, gid: 0 }
    throw error
  }
}
