import type { Abortable } from '../lib/bytes.ts'
import type { RegistryClient } from './interfaces.ts'

/** Asks a registry (`docker.io`, `host:port`) whether a user name and password are good; `unauthenticated` if not. Keeping them is for the caller. */
export const login = async (
  client: RegistryClient,
  domain: string,
  { username, password }: { readonly username: string; readonly password: string },
  options?: Abortable,
): Promise<void> => {
  await client.check(domain, { kind: 'password', username, password }, options)
}
