import { collect } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import { resolveUser, type ReadRootFile } from '../../runtime/user.ts'
import type { Owner } from '../copy/copy-into.ts'
import { resolvePath } from '../tree/resolve-path.ts'
import type { Tree } from '../tree/tree.ts'

const fileLimit = 10 * 1024 * 1024

/** Reads files of an image's tree as the runtime wants them: absolute paths, links followed within the image. */
export const rootFileReader =
  (tree: Tree): ReadRootFile =>
  async (path) => {
    const { entry } = await resolvePath(tree, path)
    return entry?.kind === 'file' ? await collect(tree.read(entry), fileLimit, `"${path}" of the image`) : undefined
  }

const numeric = /^\d+$/

/**
 * What `--chown=USER[:GROUP]` means in an image (Dockerfile reference §COPY --chown): names are looked up there, a user by name
 * brings its group, a user by number one of the same number. `not_found` for a name that the image does not have.
 */
export const resolveOwner = async (text: string, tree: Tree): Promise<Owner> => {
  const [user = '', group] = text.split(':')
  const readFile = rootFileReader(tree)
  try {
    const found =
      user === 'root' || user === ''
        ? { uid: 0, gid: 0 }
        : numeric.test(user)
          ? byNumber(user)
          : await resolveUser(user, readFile)
    if (group === undefined || group === '') return { uid: found.uid, gid: found.gid }
    if (group === 'root') return { uid: found.uid, gid: 0 }
    const { gid } = numeric.test(group) ? byNumber(group) : await resolveUser(`0:${group}`, readFile)
    return { uid: found.uid, gid }
  } catch (cause) {
    if (!isGantryError(cause, 'not_found')) throw cause
    const reason = cause.message.slice(cause.message.lastIndexOf(': unable') + 2)
    throw new GantryError('not_found', 'OWNER_NOT_FOUND', `cannot change the owner to "${text}": ${reason}`, {
      cause,
      hint: 'names are looked up in the /etc/passwd and /etc/group of the image; a number needs no entry',
    })
  }
}

const byNumber = (text: string): { readonly uid: number; readonly gid: number } => {
  const id = Number(text)
  if (id > 0xffff_fffe)
    throw new GantryError('invalid_argument', 'ID_RANGE', `cannot change the owner to "${text}": it is out of range`)
  return { uid: id, gid: id }
}
