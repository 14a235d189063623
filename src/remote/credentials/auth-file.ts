import { readFile } from 'node:fs/promises'
import { GantryError, systemCode } from '../../lib/errors.ts'
import type { Credentials } from '../interfaces.ts'
import { parseSecretJson } from '../secret-json.ts'
import { keyOf, normalizeKey } from './key.ts'

type Fields = Readonly<Record<string, unknown>>

/** docker's config.json or podman's auth.json: what concerns credentials, and all of it for writing it back. */
export interface AuthFile {
  /** For messages: the path, or the name of a variable. */
  readonly name: string
  readonly all: Fields
  readonly auths: Fields
  readonly credHelpers: Fields
  readonly credsStore?: string
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const fields = (value: unknown): Fields => (isFields(value) ? value : {})
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** Reads such a file's JSON; an empty one is one without credentials. What it is not good for is an `invalid_argument` error. */
export const parseAuthFile = (json: string, name: string): AuthFile => {
  const all = json.trim() === '' ? {} : parseSecretJson(json, `"${name}"`)
  if (!isFields(all))
    throw new GantryError('invalid_argument', 'AUTH_FILE_INVALID', `Cannot parse "${name}": it is not a JSON object`)
  const credsStore = text(all['credsStore'])
  return {
    name,
    all,
    auths: fields(all['auths']),
    credHelpers: fields(all['credHelpers']),
    ...(credsStore !== undefined && { credsStore }),
  }
}

/** The file, or undefined if there is none. */
export const readAuthFile = async (path: string): Promise<AuthFile | undefined> => {
  try {
    return parseAuthFile(await readFile(path, 'utf8'), path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** The value under a key in any of its spellings; the spelling that we would write first. */
export const lookUp = (table: Fields, key: string): unknown => {
  const own = keyOf(key)
  if (Object.hasOwn(table, own)) return table[own]
  return Object.entries(table).find(([other]) => normalizeKey(other) === normalizeKey(key))?.[1]
}

/** base64 of `user:password`; the password may hold colons. Fields beside it count where it is missing. */
const passwordOf = (entry: Fields, where: string): readonly [username: string, password: string] | undefined => {
  const auth = text(entry['auth'])
  if (auth === undefined) {
    const username = text(entry['username'])
    return username === undefined ? undefined : [username, text(entry['password']) ?? '']
  }
  const decoded = Buffer.from(auth, 'base64').toString('utf8').replaceAll('\0', '')
  const colon = decoded.indexOf(':')
  if (colon < 1)
    throw new GantryError(
      'invalid_argument',
      'AUTH_FILE_INVALID',
      `Cannot use ${where}: its "auth" is not base64 of user and password`,
    )
  return [decoded.slice(0, colon), decoded.slice(colon + 1)]
}

/** A user name `<token>` says that what goes for the password is an identity token. */
export const loginOf = (username: string, password: string): Credentials =>
  username === '<token>' ? { kind: 'identity-token', token: password } : { kind: 'password', username, password }

/** What an entry of `auths` holds; undefined if nothing, as where a helper keeps the secret. */
export const entryCredentials = (entry: unknown, where: string): Credentials | undefined => {
  if (!isFields(entry)) return undefined
  const identity = text(entry['identitytoken'])
  if (identity !== undefined) return { kind: 'identity-token', token: identity }
  const registry = text(entry['registrytoken'])
  if (registry !== undefined) return { kind: 'registry-token', token: registry }
  const pair = passwordOf(entry, where)
  return pair === undefined ? undefined : loginOf(...pair)
}
