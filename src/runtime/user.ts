import { GantryError } from '../lib/errors.ts'

/** Whom a container's process runs as. */
export interface ContainerUser {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups, the primary one first. */
  readonly additionalGids: readonly number[]
  readonly home: string
}

/** Reads a file of the container's root (absolute path, as layered); undefined where there is none. */
export type ReadRootFile = (path: string) => Promise<Uint8Array | undefined>

/** Larger files are refused, not cut: a user below the cut would silently be another one. */
const maxFile = 8 * 1024 * 1024
const maxId = 0x7fff_ffff

/**
 * Docker's `user[:group]`, looked up in the container's own /etc/passwd and /etc/group. A number always is an id, known or not;
 * without a group the user's own and its supplementary ones count, with a group only that one. '' is user 0.
 * A name that is not there is `not_found`.
 */
export const resolveUser = async (text: string, readFile: ReadRootFile): Promise<ContainerUser> => {
  const [userName = '', groupName = ''] = text.split(':')
  const uid = idOf(userName === '' ? '0' : userName)
  const users = parsePasswd(await table(readFile, '/etc/passwd'))
  const user = users.find((one) => (uid === undefined ? one.name === userName : one.uid === uid))
  if (user === undefined && uid === undefined)
    throw unknown(text, `unable to find user ${userName}: no matching entries in passwd file`)
  const found = {
    uid: inRange(user?.uid ?? uid ?? 0, text),
    home: user?.home || '/',
  }
  if (groupName === '' && user === undefined) return { ...found, gid: 0, additionalGids: [0] }
  const groups = parseGroup(await table(readFile, '/etc/group'))
  if (groupName === '') {
    const gid = user?.gid ?? 0
    const others = groups.filter((one) => one.members.includes(user?.name ?? '')).map((one) => one.gid)
    return { ...found, gid, additionalGids: [...new Set([gid, ...others])] }
  }
  const id = idOf(groupName)
  const gid = groups.find((one) => (id === undefined ? one.name === groupName : one.gid === id))?.gid ?? id
  if (gid === undefined) throw unknown(text, `unable to find group ${groupName}: no matching entries in group file`)
  return { ...found, gid: inRange(gid, text), additionalGids: [gid] }
}

const unknown = (text: string, reason: string): GantryError =>
  new GantryError('not_found', 'USER_NOT_FOUND', `Cannot run as user "${text}": ${reason}`, {
    hint: 'names are looked up in the /etc/passwd and /etc/group of the image; a number needs no entry',
  })

const inRange = (id: number, text: string): number => {
  if (id >= 0 && id <= maxId) return id
  throw new GantryError('invalid_argument', 'ID_RANGE', `Cannot run as user "${text}": uids and gids must be in range 0-${maxId}`)
}

/** A number as Go's Atoi reads it, which docker uses; undefined for a name. */
const idOf = (text: string): number | undefined => (/^[+-]?\d{1,15}$/.test(text) ? Number(text) : undefined)

const table = async (readFile: ReadRootFile, path: string): Promise<string> => {
  const bytes = await readFile(path)
  if (bytes === undefined) return ''
  if (bytes.length <= maxFile) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  throw new GantryError(
    'resource_exhausted',
    'TOO_LARGE',
    `Cannot read "${path}" of the container: it has more than ${maxFile} bytes`,
  )
}

/** Lines with fields; an id that is no number makes a line count for nothing. */
const rows = (text: string): readonly (readonly string[])[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map((line) => line.split(':'))

const parsePasswd = (text: string): readonly { name: string; uid: number; gid: number; home: string }[] =>
  rows(text).flatMap(([name = '', , uid = '', gid = '', , home = '']) => entry(name, uid, gid, { home }))

const parseGroup = (text: string): readonly { name: string; gid: number; members: readonly string[] }[] =>
  rows(text).flatMap(([name = '', , gid = '', members = '']) =>
    entry(name, '0', gid, { members: members === '' ? [] : members.split(',') }),
  )

const entry = <T extends object>(
  name: string,
  uid: string,
  gid: string,
  rest: T,
): readonly (T & { name: string; uid: number; gid: number })[] => {
  const [user, group] = [idOf(uid), idOf(gid)]
  if (user === undefined || group === undefined || user < 0 || user > maxId || group < 0 || group > maxId) return []
  return [{ name, uid: user, gid: group, ...rest }]
}
