import { GantryError } from '../lib/errors.ts'
import { HttpClient, type HttpClientOptions } from '../lib/http/client.ts'
import type { Environment } from '../lib/http/proxy.ts'
import { isDomain } from '../oci/reference-grammar.ts'
import type { RegistryAnswer } from './answer.ts'
import { TokenCache } from './auth/token-cache.ts'
import { isToken } from './auth/token-server.ts'
import { certificateFolders, readCertificates } from './certificates.ts'
import { isVerifiedHost } from './endpoint.ts'
import type { CredentialSource, RegistryClient } from './interfaces.ts'
import { listPages, listStrings, pageSize } from './pages.ts'
import { Registry, type RegistryOptions } from './registry.ts'
import { Repository } from './repository.ts'
import { searchIndex } from './search.ts'

export type { RegistryClient } from './interfaces.ts'

export interface RegistryClientOptions
  extends Omit<RegistryOptions, 'http' | 'tokens' | 'credentials'>, Pick<HttpClientOptions, 'connectTimeout' | 'idleTimeout'> {
  /** None: everything is asked for anonymously. */
  readonly credentials?: CredentialSource
  /** Proxies, and HOME and XDG_CONFIG_HOME for `certs.d`. */
  readonly environment?: Environment
  /** Folders with a subfolder of certificates for each host. Default: those of podman and docker. */
  readonly certificateFolders?: readonly string[]
}

/** A client for registries. It keeps connections and tokens until it is closed; what it needs for TLS is loaded when it meets TLS. */
export const createRegistryClient = (options: RegistryClientOptions = {}): RegistryClient => {
  const { environment = {}, connectTimeout, idleTimeout } = options
  const folders = options.certificateFolders ?? certificateFolders(environment)
  const http = new HttpClient({
    environment,
    tlsSettings: async (host) => ({ verify: isVerifiedHost(host, options), ...(await readCertificates(folders, host)) }),
    ...(connectTimeout !== undefined && { connectTimeout }),
    ...(idleTimeout !== undefined && { idleTimeout }),
  })
  const open = (domain: string, credentials: CredentialSource): Registry => {
    if (!isDomain(domain))
      throw new GantryError('invalid_argument', 'HOST_INVALID', `Cannot use "${domain}": it is not the host of a registry`, {
        hint: 'write HOST or HOST:PORT, without a scheme',
      })
    return new Registry(domain, { ...options, http, credentials, tokens: new TokenCache<RegistryAnswer>(isToken) })
  }
  const registries = new Map<string, Registry>()
  // oxlint-disable-next-line require-await
  const { credentials = { get: async () => undefined } } = options
  const registry = (domain: string): Registry => {
    const known = registries.get(domain) ?? open(domain, credentials)
    registries.set(domain, known)
    return known
  }
  const close = (): void => http.close()
  return {
    repository: ({ domain, path }, repositoryOptions = {}) => new Repository(registry(domain), path, repositoryOptions),
    catalog: async (domain, { signal, limit } = {}) => {
      const pages = listPages(registry(domain), {
        url: `_catalog?n=${pageSize(limit)}`,
        scopes: { needed: ['registry:catalog:*'] },
        purpose: { action: 'list', what: `list the repositories of "${domain}"`, name: domain },
        ...(signal && { signal }),
      })
      return await listStrings(pages, 'repositories', limit)
    },
    search: async (domain, term, request) =>
      await searchIndex(registry(domain), term, {
        ...request,
        ...(options.plainHttp !== undefined && { plainHttp: options.plainHttp }),
      }),
    check: async (domain, asked, { signal } = {}) => {
      // oxlint-disable-next-line require-await
      const response = await open(domain, { get: async () => asked }).send({
        method: 'GET',
        url: '',
        scopes: { needed: [] },
        accept: [200],
        purpose: { action: 'login', what: `log in to "${domain}"`, name: domain },
        ...(signal && { signal }),
      })
      response.discard()
    },
    close,
    [Symbol.dispose]: close,
  }
}
