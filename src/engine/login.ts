import { login as remoteLogin, createCredentialStore } from '../remote/index.ts'
import type { Abortable } from '../lib/bytes.ts'
import type { Engine } from './engine.ts'

const dockerHub = 'https://index.docker.io/v1/'

/** Checks the credentials with the registry, then keeps them. `plainTextFile` is the file if they are kept unencrypted. */
export const login = async (
  engine: Engine,
  server: string | undefined,
  username: string,
  password: string,
  options: Abortable = {},
): Promise<{ readonly plainTextFile?: string }> => {
  const host = hostOf(server)
  await remoteLogin(await engine.registry(), host, { username, password }, options)
  const saved = await createCredentialStore(engine.options.environment).store(host, { username, password })
  return saved.plainTextFile === undefined ? {} : { plainTextFile: saved.plainTextFile }
}

/** Forgets the credentials of a registry. */
export const logout = async (
  engine: Engine,
  server: string | undefined,
): Promise<{ readonly host: string; readonly removed: boolean }> => {
  const host = hostOf(server)
  return {
    host: host === 'docker.io' ? dockerHub : host,
    removed: await createCredentialStore(engine.options.environment).erase(host),
  }
}

/** What users type for a server: nothing or Docker Hub's old address, a URL, or a host. */
const hostOf = (server: string | undefined): string => {
  if (server === undefined || server === '') return 'docker.io'
  const host = server.replace(/^https?:\/\//, '').split('/')[0] ?? ''
  return ['index.docker.io', 'registry-1.docker.io', 'docker.io'].includes(host) ? 'docker.io' : host
}
