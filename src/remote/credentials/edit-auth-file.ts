import { chown, readFile, realpath, stat } from 'node:fs/promises'
import { systemCode } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import type { Credentials } from '../interfaces.ts'
import type { AuthFile } from './auth-file.ts'
import { normalizeKey } from './key.ts'

/** How the file is indented, and whether its last line ends; docker's way where there is none yet. */
const styleOf = (text: string | undefined): { readonly indent: string; readonly end: string } =>
  text === undefined || text.trim() === ''
    ? { indent: '\t', end: '\n' }
    : { indent: /^\{\r?\n([\t ]+)"/.exec(text)?.[1] ?? '', end: text.endsWith('\n') ? '\n' : '' }

/** Writes the file anew, in its own style. A link stays one, and the owner stays the owner when root logs in for a user. */
const rewrite = async (path: string, all: Readonly<Record<string, unknown>>): Promise<void> => {
  const target = await realpath(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return path
    throw error
  })
  const before = await stat(target).catch(() => undefined)
  const { indent, end } = styleOf(before && (await readFile(target, 'utf8')))
  await writeFileAtomic(target, JSON.stringify(all, undefined, indent) + end, 0o600)
  if (before === undefined) return
  const { uid, gid } = await stat(target)
  if (uid !== before.uid || gid !== before.gid) await chown(target, before.uid, before.gid)
}

/** The entry in docker's own form: an identity token stands beside the user name that it came with. */
const plainEntry = (credentials: Credentials, username: string): object => {
  const auth = (user: string, password: string): { readonly auth: string } => ({
    auth: Buffer.from(`${user}:${password}`).toString('base64'),
  })
  if (credentials.kind === 'password') return auth(credentials.username, credentials.password)
  return credentials.kind === 'identity-token'
    ? { ...auth(username, ''), identitytoken: credentials.token }
    : { registrytoken: credentials.token }
}

/**
 * Replaces the entry of a key in a file of docker or podman, in whichever spelling it stands there; all else stays. `username` goes
 * with a token. `kept-elsewhere` leaves an entry that says no more than that there are credentials, as docker does for helpers.
 */
export const setAuthEntry = async (
  path: string,
  file: AuthFile,
  key: string,
  credentials: Credentials | 'kept-elsewhere' | 'none',
  username = '',
): Promise<void> => {
  const others = Object.entries(file.auths).filter(([other]) => normalizeKey(other) !== normalizeKey(key))
  const own =
    credentials === 'none' ? [] : [[key, credentials === 'kept-elsewhere' ? {} : plainEntry(credentials, username)] as const]
  await rewrite(path, { ...file.all, auths: Object.fromEntries([...others, ...own]) })
}
