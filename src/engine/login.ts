import type { Abortable } from '../lib/bytes.ts'
import {
  createCredentialStore,
  login as remoteLogin,
  parseLoginTarget,
  parseStorage,
  type CredentialStore,
  type Stored,
} from '../remote/index.ts'
import { isGantryError } from '../lib/errors.ts'
import type { Engine } from './engine.ts'

const dockerHub = 'https://index.docker.io/v1/'

const storeOf = ({ options }: Engine): CredentialStore =>
  createCredentialStore(options.environment, {
    ...(options.onWarning && { onWarning: options.onWarning }),
    ...(options.askPassphrase && { askPassphrase: options.askPassphrase }),
  })

export interface LoginRequest {
  readonly username: string
  readonly password: string
  /** `auto`, `plain`, `encrypted`, `passphrase` or `helper:NAME`. */
  readonly storage?: string
}

/** Checks the credentials with the registry, then keeps them; answers where. `server`: none is Docker Hub; may end in a path there. */
export const login = async (
  engine: Engine,
  server: string | undefined,
  { storage, ...account }: LoginRequest,
  options: Abortable = {},
): Promise<Stored> => {
  const target = parseLoginTarget(server)
  const place = parseStorage(storage ?? 'auto')
  const accepted = await remoteLogin(await engine.registry(), target.domain, account, options)
  return await storeOf(engine).store(target, accepted, place)
}

/** Who is logged in to a server: a user name, `<token>` where only a token is kept; undefined if nobody. */
export const loggedIn = async (engine: Engine, server: string | undefined): Promise<string | undefined> => {
  const { domain, path } = parseLoginTarget(server)
  const credentials = await storeOf(engine).get(domain, path)
  return credentials?.kind === 'password' ? credentials.username : credentials && '<token>'
}

/** True if the registry still knows what is kept; false if nothing is kept or it is not good any more. */
export const isStillLoggedIn = async (engine: Engine, server: string | undefined, options: Abortable = {}): Promise<boolean> => {
  const { domain, path } = parseLoginTarget(server)
  const credentials = await storeOf(engine).get(domain, path)
  if (credentials === undefined) return false
  try {
    await (await engine.registry()).check(domain, credentials, options)
    return true
  } catch (error) {
    if (isGantryError(error, 'unauthenticated') || isGantryError(error, 'permission_denied')) return false
    throw error
  }
}

/** Forgets the credentials of a registry. */
export const logout = async (
  engine: Engine,
  server: string | undefined,
): Promise<{ readonly host: string; readonly removed: boolean }> => {
  const target = parseLoginTarget(server)
  const host = target.path === undefined ? target.domain : `${target.domain}/${target.path}`
  return { host: host === 'docker.io' ? dockerHub : host, removed: await storeOf(engine).erase(target) }
}
