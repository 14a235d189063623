import { chown, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError, messageOf, systemCode } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import type { Environment } from '../../lib/http/proxy.ts'
import type { CredentialStore, Credentials } from '../interfaces.ts'
import { entryCredentials, lookUp, parseAuthFile, readAuthFile, type AuthFile } from './auth-file.ts'
import { helperErase, helperGet, helperStore } from './helper.ts'
import { candidateKeys, keyOf, normalizeKey } from './key.ts'

export interface CredentialStoreOptions {
  /** A file or helper that cannot be used while looking for credentials: others, or nobody's, are used instead. */
  readonly onWarning?: (message: string) => void
}

const home = ({ HOME, USERPROFILE }: Environment): string | undefined => HOME || USERPROFILE || undefined

const dockerFile = (environment: Environment): string | undefined => {
  const folder = environment['DOCKER_CONFIG'] || (home(environment) && join(home(environment) ?? '', '.docker'))
  return folder ? join(folder, 'config.json') : undefined
}

/** podman's own, in its order. */
const podmanFiles = (environment: Environment): readonly string[] => {
  const runtime = environment['XDG_RUNTIME_DIR']
  const config = environment['XDG_CONFIG_HOME'] || (home(environment) && join(home(environment) ?? '', '.config'))
  return [...(runtime ? [runtime] : []), ...(config ? [config] : [])].map((folder) => join(folder, 'containers/auth.json'))
}

/** The helper that keeps the credentials of a key: its own, else the one for all. */
const helperOf = (file: AuthFile, key: string): string | undefined => {
  const own = lookUp(file.credHelpers, key)
  return typeof own === 'string' && own !== '' ? own : file.credsStore
}

/** The most specific entry that has credentials; a helper's before what stands in the file. */
const find = async (
  file: AuthFile,
  keys: readonly string[],
  environment: Environment,
  attempt: Attempt,
): Promise<Credentials | undefined> => {
  for (const key of keys) {
    // a helper for all registries knows registries only
    const helper = key.includes('/') ? lookUp(file.credHelpers, key) : helperOf(file, key)
    const kept =
      typeof helper === 'string' && helper !== ''
        ? await attempt(async () => await helperGet(helper, keyOf(key), environment))
        : undefined
    if (kept !== undefined) return kept
    const found = entryCredentials(lookUp(file.auths, key), `the entry for "${key}" of "${file.name}"`)
    if (found !== undefined) return found
  }
  return undefined
}

/** What fails is reported, and taken as nothing. */
type Attempt = <T>(work: () => Promise<T | undefined>) => Promise<T | undefined>

const attemptWith =
  (warn: (message: string) => void): Attempt =>
  async (work) => {
    try {
      return await work()
    } catch (error) {
      warn(messageOf(error))
      return undefined
    }
  }

const rewrite = async (path: string, all: Readonly<Record<string, unknown>>): Promise<void> => {
  // a link stays one, and the owner stays the owner when root logs in for a user
  const target = await realpath(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return path
    throw error
  })
  const before = await stat(target).catch(() => undefined)
  await writeFileAtomic(target, `${JSON.stringify(all, undefined, '\t')}\n`, 0o600)
  if (before === undefined) return
  const { uid, gid } = await stat(target)
  if (uid !== before.uid || gid !== before.gid) await chown(target, before.uid, before.gid)
}

const setEntry = (file: AuthFile, key: string, entry: object | undefined): Readonly<Record<string, unknown>> => {
  const others = Object.entries(file.auths).filter(([other]) => normalizeKey(other) !== normalizeKey(key))
  return { ...file.all, auths: Object.fromEntries(entry === undefined ? others : [...others, [key, entry]]) }
}

/**
 * The credentials of docker and podman. Read, the first that knows the registry: `DOCKER_AUTH_CONFIG`, `REGISTRY_AUTH_FILE`, docker's
 * config.json (in `DOCKER_CONFIG` or `~/.docker`), podman's auth.json (`XDG_RUNTIME_DIR`, `~/.config`). Written: docker's config.json,
 * or the helper that it names; what else stands in it stays.
 */
export const createCredentialStore = (environment: Environment, { onWarning }: CredentialStoreOptions = {}): CredentialStore => {
  const attempt = attemptWith((message) => onWarning?.(message))
  const files = async (): Promise<readonly AuthFile[]> => {
    const inline = environment['DOCKER_AUTH_CONFIG']
    const paths = [environment['REGISTRY_AUTH_FILE'], dockerFile(environment), ...podmanFiles(environment)]
    const read = await Promise.all(
      paths.map(async (path) => await attempt(async () => (path ? await readAuthFile(path) : undefined))),
    )
    // oxlint-disable-next-line require-await
    const first = inline ? await attempt(async () => parseAuthFile(inline, 'DOCKER_AUTH_CONFIG')) : undefined
    return [first, ...read].filter((file) => file !== undefined)
  }
  const own = async (): Promise<{ readonly path: string; readonly file: AuthFile }> => {
    const path = dockerFile(environment)
    if (path === undefined)
      throw new GantryError('failed_precondition', 'NO_HOME', 'Cannot keep credentials: there is no home folder', {
        hint: 'set HOME or DOCKER_CONFIG',
      })
    return { path, file: (await readAuthFile(path)) ?? parseAuthFile('', path) }
  }
  return {
    get: async (domain, path) => {
      const keys = candidateKeys(domain, path)
      for (const file of await files()) {
        const found = await attempt(async () => await find(file, keys, environment, attempt))
        if (found !== undefined) return found
      }
      return undefined
    },
    store: async (domain, { username, password }) => {
      const { path, file } = await own()
      const key = keyOf(domain)
      const helper = helperOf(file, domain)
      if (helper !== undefined) await helperStore(helper, key, username, password, environment)
      const entry = helper === undefined ? { auth: Buffer.from(`${username}:${password}`).toString('base64') } : {}
      await rewrite(path, setEntry(file, key, entry))
      return helper === undefined ? { plainTextFile: path } : {}
    },
    erase: async (domain) => {
      const { path, file } = await own()
      const helper = helperOf(file, domain)
      const known = lookUp(file.auths, domain) !== undefined
      const erased = helper !== undefined && (await helperErase(helper, keyOf(domain), environment))
      if (known) await rewrite(path, setEntry(file, keyOf(domain), undefined))
      return known || erased
    },
  }
}
