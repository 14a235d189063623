import type { Abortable } from '../lib/bytes.ts'
import { loginOf } from './credentials/auth-file.ts'
import type { Login, RegistryClient } from './interfaces.ts'

/**
 * Asks a registry (`docker.io`, `host:port`) whether a user name and password are good; `unauthenticated` if not. Answers what to keep,
 * which is for the caller to do: the password, or an identity token where the registry's token server gives one out in its place. A
 * user name `<token>` says that the password is one already.
 */
export const login = async (
  client: RegistryClient,
  domain: string,
  { username, password }: { readonly username: string; readonly password: string },
  options?: Abortable,
): Promise<Login> => ({
  username,
  credentials: await client.check(domain, loginOf(username, password), options),
})
