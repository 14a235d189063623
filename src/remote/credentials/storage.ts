import { GantryError } from '../../lib/errors.ts'
import type { Environment } from '../../lib/http/proxy.ts'

/** Where a login is to be kept. `auto`: see chooseStorage(). */
export type Storage =
  | { readonly kind: 'auto' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'encrypted'; readonly passphrase: boolean }
  | { readonly kind: 'helper'; readonly name: string }

/** Where a login has been kept. */
export type Stored =
  | { readonly kind: 'helper'; readonly name: string }
  /** For everyone to read who can read the file; as docker and podman read it. */
  | { readonly kind: 'plain'; readonly file: string }
  /** For nobody but gantry. */
  | { readonly kind: 'encrypted'; readonly file: string; readonly passphrase: boolean }

/** `auto`, `plain`, `encrypted`, `passphrase` or `helper:NAME`. */
export const parseStorage = (text: string): Storage => {
  if (text === 'auto' || text === 'plain') return { kind: text }
  if (text === 'encrypted' || text === 'passphrase') return { kind: 'encrypted', passphrase: text === 'passphrase' }
  const name = /^helper:([\w.-]+)$/.exec(text)?.[1]
  if (name !== undefined) return { kind: 'helper', name }
  throw new GantryError('invalid_argument', 'CREDENTIAL_STORE_INVALID', `Cannot keep credentials in "${text}": no such place`, {
    hint: 'auto, plain, encrypted, passphrase and helper:NAME are known',
  })
}

/** docker keeps what it does not know itself below `plugins`; all else that it does not know, it drops. */
const configured = (all: Readonly<Record<string, unknown>>): string | undefined => {
  const plugins = all['plugins'] as { readonly gantry?: { readonly credentialStore?: unknown } } | null | undefined
  const value = plugins?.gantry?.credentialStore
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** What is known when a place is chosen. */
export interface StorageFacts {
  readonly asked: Storage
  readonly environment: Environment
  /** docker's config.json. */
  readonly config: Readonly<Record<string, unknown>>
  /** The helper that config.json names for the registry. */
  readonly helper: string | undefined
  /** config.json has a secret of this registry in plain text already. */
  readonly isPlain: boolean
  readonly canEncrypt: boolean
}

/**
 * The flag, else `GANTRY_CREDENTIAL_STORE`, else `plugins.gantry.credentialStore` of config.json. `auto`, which is the default, is the
 * helper that config.json names; else plain text if the registry's secret stands there in plain text already, which docker may
 * depend on; else the encrypted file.
 */
export const chooseStorage = ({
  asked,
  environment,
  config,
  helper,
  isPlain,
  canEncrypt,
}: StorageFacts): Exclude<Storage, { kind: 'auto' }> => {
  const setting = environment['GANTRY_CREDENTIAL_STORE'] || configured(config)
  const wanted = asked.kind === 'auto' && setting !== undefined ? parseStorage(setting) : asked
  if (wanted.kind !== 'auto') return wanted
  if (helper !== undefined) return { kind: 'helper', name: helper }
  return isPlain || !canEncrypt ? { kind: 'plain' } : { kind: 'encrypted', passphrase: false }
}
