import { GantryError } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import type { Environment } from '../../lib/http/proxy.ts'
import type { Credentials } from '../interfaces.ts'
import { formatSealed, readSealed, seal, unseal, type SealedEntries, type SealedEntry } from './encrypted-file.ts'
import { ensureKeyFile, newPassphraseKey, passphraseKey, readKeyFile, type EncryptionKey } from './encryption-key.ts'
import { encryptedFile, keyFile } from './places.ts'

/** Asks for the passphrase; `isNew` if it is to be chosen. Undefined: there is nobody to ask. */
export type AskPassphrase = (isNew: boolean) => Promise<string | undefined>

const again = 'log in again'

/** The encrypted file of an environment, for one process. */
export interface EncryptedStore {
  get(key: string): Promise<Credentials | undefined>
  /** Answers the file. `usePassphrase`: a passphrase even if none is given by the environment. */
  store(
    key: string,
    credentials: Credentials,
    usePassphrase: boolean,
  ): Promise<{ readonly file: string; readonly passphrase: boolean }>
  erase(key: string): Promise<boolean>
  /** False: there is no folder for the file or for its key. */
  readonly possible: boolean
}

export const createEncryptedStore = (environment: Environment, ask: AskPassphrase | undefined): EncryptedStore => {
  const file = encryptedFile(environment)
  const keyPath = keyFile(environment)
  const given = environment['GANTRY_CREDENTIALS_PASSPHRASE'] || undefined
  let asked: Promise<string | undefined> | undefined
  const passphrase = async (isNew: boolean): Promise<string> => {
    const text = given ?? (await (asked ??= ask?.(isNew) ?? Promise.resolve(undefined)))
    if (text) return text
    throw new GantryError(
      'failed_precondition',
      'CREDENTIALS_LOCKED',
      'Cannot use encrypted credentials: they need a passphrase',
      {
        hint: 'set GANTRY_CREDENTIALS_PASSPHRASE, or use a terminal',
      },
    )
  }
  const keyOf = async ({ key }: SealedEntry): Promise<EncryptionKey | undefined> => {
    if (key.kind === 'passphrase') return passphraseKey(await passphrase(false), key)
    const own = keyPath === undefined ? undefined : await readKeyFile(keyPath)
    return own?.source.kind === 'file' && own.source.id === key.id ? own : undefined
  }
  const locked = (name: string, reason: string): GantryError =>
    new GantryError('failed_precondition', 'CREDENTIALS_LOCKED', `Cannot decrypt the credentials for "${name}": ${reason}`, {
      hint: again,
    })
  const write = async (entries: SealedEntries): Promise<void> => {
    if (file !== undefined) await writeFileAtomic(file, formatSealed(entries), 0o600)
  }
  return {
    possible: file !== undefined && keyPath !== undefined,
    get: async (name) => {
      const entry = file === undefined ? undefined : (await readSealed(file)).get(name)
      if (entry === undefined) return undefined
      const key = await keyOf(entry)
      if (key === undefined) throw locked(name, 'they were stored by another user or on another machine')
      const credentials = unseal(key, name, entry)
      if (credentials !== undefined) return credentials
      throw locked(
        name,
        entry.key.kind === 'passphrase' ? 'the passphrase is wrong, or they have been changed' : 'they have been changed',
      )
    },
    store: async (name, credentials, usePassphrase) => {
      if (file === undefined || keyPath === undefined)
        throw new GantryError('failed_precondition', 'NO_HOME', 'Cannot encrypt credentials: there is no home folder', {
          hint: 'set HOME',
        })
      const isByPassphrase = usePassphrase || given !== undefined
      const key = isByPassphrase ? newPassphraseKey(await passphrase(true)) : await ensureKeyFile(keyPath)
      await write(new Map([...(await readSealed(file)), [name, seal(key, name, credentials)]]))
      return { file, passphrase: isByPassphrase }
    },
    erase: async (name) => {
      const entries = new Map(file === undefined ? [] : await readSealed(file))
      if (!entries.delete(name)) return false
      await write(entries)
      return true
    },
  }
}
