import { GantryError, messageOf } from '../../lib/errors.ts'
import type { Environment } from '../../lib/http/proxy.ts'
import { withLock } from '../../lib/lock.ts'
import type { CredentialStore, Credentials } from '../interfaces.ts'
import { entryCredentials, lookUp, parseAuthFile, readAuthFile, type AuthFile } from './auth-file.ts'
import { setAuthEntry } from './edit-auth-file.ts'
import { createEncryptedStore, type AskPassphrase } from './encrypted-store.ts'
import { helperErase, helperGet, helperStore } from './helper.ts'
import { candidateKeys, keyOf } from './key.ts'
import { dockerFile, lockFile, neededDockerFile, podmanFiles } from './places.ts'
import { chooseStorage, type Stored } from './storage.ts'

export interface CredentialStoreOptions {
  /** A file or helper that cannot be used while looking for credentials: others, or nobody's, are used instead. */
  readonly onWarning?: (message: string) => void
  /** None: what is encrypted with a passphrase needs `GANTRY_CREDENTIALS_PASSPHRASE`. */
  readonly askPassphrase?: AskPassphrase
}

/** The helper that keeps the credentials of a key: its own, else the one for all, which knows registries only. */
const helperOf = (file: AuthFile, key: string): string | undefined => {
  const own = lookUp(file.credHelpers, key)
  if (typeof own === 'string' && own !== '') return own
  return key.includes('/') ? undefined : file.credsStore
}

/** What a place has for one key. */
type Look = (key: string) => Promise<Credentials | undefined>

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

/** A helper's credentials before what stands in the file. */
const lookInto =
  (file: AuthFile, environment: Environment, attempt: Attempt): Look =>
  async (key) => {
    const helper = helperOf(file, key)
    const kept = helper === undefined ? undefined : await attempt(async () => await helperGet(helper, keyOf(key), environment))
    if (kept !== undefined) return kept
    const where = `the entry for "${key}" of "${file.name}"`
    // oxlint-disable-next-line require-await
    return await attempt(async () => entryCredentials(lookUp(file.auths, key), where))
  }

/** Of places that stand side by side the most specific entry. */
const find = async (places: readonly Look[], keys: readonly string[]): Promise<Credentials | undefined> => {
  for (const key of keys)
    for (const look of places) {
      const found = await look(key)
      if (found !== undefined) return found
    }
  return undefined
}

const secretOf = (credentials: Credentials, username: string): readonly [username: string, secret: string] =>
  credentials.kind === 'password' ? [username, credentials.password] : ['<token>', credentials.token]

const helperHasNoPaths = (name: string): GantryError =>
  new GantryError('unsupported', 'HELPER_HAS_NO_PATHS', `Cannot keep credentials for "${name}": helpers know registries only`, {
    hint: '--credential-store encrypted or plain keeps them',
  })

/** The key of a registry, or of what lies below a path there. */
const targetKey = (domain: string, path: string | undefined): string => (path ? `${domain.toLowerCase()}/${path}` : domain)

/** Forgets a key in a file and in the helper that it names; false if neither knew it. */
const eraseIn = async (path: string, name: string, environment: Environment): Promise<boolean> => {
  const file = await readAuthFile(path)
  if (file === undefined) return false
  const helper = helperOf(file, name)
  const erased = helper !== undefined && (await helperErase(helper, keyOf(name), environment))
  if (lookUp(file.auths, name) === undefined) return erased
  await setAuthEntry(path, file, keyOf(name), 'none')
  return true
}

/** The file, naming the helper for a key unless it does. */
const withHelper = (file: AuthFile, name: string, helper: string): AuthFile =>
  helperOf(file, name) === helper
    ? file
    : { ...file, all: { ...file.all, credHelpers: { ...file.credHelpers, [keyOf(name)]: helper } } }

/**
 * The credentials of gantry, docker and podman. Read, the first that knows the registry: `DOCKER_AUTH_CONFIG`, `REGISTRY_AUTH_FILE`, the
 * encrypted file and docker's config.json beside it (in `DOCKER_CONFIG` or `~/.docker`), podman's auth.json (`XDG_RUNTIME_DIR`,
 * `~/.config`). Written: what chooseStorage() says; what else stands in a file stays.
 */
export const createCredentialStore = (
  environment: Environment,
  { onWarning, askPassphrase }: CredentialStoreOptions = {},
): CredentialStore => {
  const attempt = attemptWith((message) => onWarning?.(message))
  const encrypted = createEncryptedStore(environment, askPassphrase)
  const lookAt = async (path: string | undefined): Promise<readonly Look[]> => {
    const file = path ? await attempt(async () => await readAuthFile(path)) : undefined
    return file === undefined ? [] : [lookInto(file, environment, attempt)]
  }
  const inline = async (): Promise<readonly Look[]> => {
    const text = environment['DOCKER_AUTH_CONFIG']
    // oxlint-disable-next-line require-await
    const file = text ? await attempt(async () => parseAuthFile(text, 'DOCKER_AUTH_CONFIG')) : undefined
    return file === undefined ? [] : [lookInto(file, environment, attempt)]
  }
  const unsealed: Look = async (key) => await attempt(async () => await encrypted.get(key))
  const groups = [
    inline,
    async () => await lookAt(environment['REGISTRY_AUTH_FILE']),
    async () => [unsealed, ...(await lookAt(dockerFile(environment)))],
    ...podmanFiles(environment).map((path) => async () => await lookAt(path)),
  ]
  const own = async (): Promise<{ readonly path: string; readonly file: AuthFile }> => {
    const path = neededDockerFile(environment)
    return { path, file: (await readAuthFile(path)) ?? parseAuthFile('', path) }
  }
  return {
    get: async (domain, path) => {
      const keys = candidateKeys(domain, path)
      for (const group of groups) {
        const found = await find(await group(), keys)
        if (found !== undefined) return found
      }
      return undefined
    },
    store: async ({ domain, path: below }, { username, credentials }, asked = { kind: 'auto' }) =>
      await withLock(lockFile(environment), 'exclusive', async (): Promise<Stored> => {
        const { path, file } = await own()
        const name = targetKey(domain, below)
        const key = keyOf(name)
        const storage = chooseStorage({
          asked,
          environment,
          config: file.all,
          helper: helperOf(file, name),
          isPlain:
            (await attempt(async () => await Promise.resolve(entryCredentials(lookUp(file.auths, name), key)))) !== undefined,
          canEncrypt: encrypted.possible,
        })
        if (storage.kind === 'encrypted') {
          const stored = await encrypted.store(name, credentials, storage.passphrase)
          // what docker had in plain text would be no secret any more, and would soon be an old one
          if (lookUp(file.auths, name) !== undefined) await setAuthEntry(path, file, key, 'none')
          return { kind: 'encrypted', ...stored }
        }
        if (storage.kind === 'plain') await setAuthEntry(path, file, key, credentials, username)
        else {
          if (below) throw helperHasNoPaths(name)
          await helperStore(storage.name, key, ...secretOf(credentials, username), environment)
          await setAuthEntry(path, withHelper(file, name, storage.name), key, 'kept-elsewhere')
        }
        await encrypted.erase(name)
        return storage.kind === 'helper' ? storage : { kind: 'plain', file: path }
      }),
    erase: async ({ domain, path: below }) =>
      await withLock(lockFile(environment), 'exclusive', async () => {
        const name = targetKey(domain, below)
        const { path } = await own()
        let erased = await eraseIn(path, name, environment)
        const others = [environment['REGISTRY_AUTH_FILE'], ...podmanFiles(environment)].filter((other) => other && other !== path)
        for (const other of others)
          if ((await attempt(async () => await eraseIn(other ?? '', name, environment))) === true) erased = true
        return (await encrypted.erase(name)) || erased
      }),
  }
}
