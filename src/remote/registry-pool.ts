import { readFile } from 'node:fs/promises'
import { GantryError } from '../lib/errors.ts'
import { HttpClient, type HttpClientOptions, type TlsSettings } from '../lib/http/client.ts'
import type { Environment } from '../lib/http/proxy.ts'
import { apiHost } from '../oci/reference.ts'
import { isDomain } from '../oci/reference-grammar.ts'
import type { RegistryAnswer } from './answer.ts'
import { TokenCache } from './auth/token-cache.ts'
import { isToken } from './auth/token-server.ts'
import { certificateFolders, readCertificates } from './certificates.ts'
import { isVerifiedHost } from './endpoint.ts'
import type { CredentialSource } from './interfaces.ts'
import type { EndpointSettings } from './mirrors/route.ts'
import { Registry, type RegistryOptions } from './registry.ts'

export interface RegistryPoolOptions
  extends
    Omit<RegistryOptions, 'http' | 'tokens' | 'credentials' | 'endpoint' | 'onRefreshToken'>,
    Pick<HttpClientOptions, 'connectTimeout' | 'idleTimeout'> {
  /** None: everything is asked for anonymously. */
  readonly credentials?: CredentialSource
  /** Proxies, and HOME and XDG_CONFIG_HOME for `certs.d`. */
  readonly environment?: Environment
  /** Folders with a subfolder of certificates for each host. Default: those of podman and docker. */
  readonly certificateFolders?: readonly string[]
}

/** What a server is: its name, and what a configuration file says of it. */
export interface Server {
  readonly domain: string
  readonly endpoint?: EndpointSettings
}

// oxlint-disable-next-line require-await
const nobody: CredentialSource = { get: async () => undefined }

/** Registries, each opened once, over as few connections as can be: a pool of its own has only a server with TLS settings of its own. */
export class RegistryPool {
  readonly #options: RegistryPoolOptions
  readonly #folders: readonly string[]
  readonly #registries = new Map<string, Registry>()
  readonly #clients = new Map<string, HttpClient>()

  constructor(options: RegistryPoolOptions) {
    this.#options = options
    this.#folders = options.certificateFolders ?? certificateFolders(options.environment ?? {})
  }

  /** The registry of a server. `attempts`: less than those of all registries, where another server is to be asked instead. */
  get(server: Server, attempts?: number): Registry {
    const key = JSON.stringify([server.domain, server.endpoint ?? null, attempts ?? null])
    const known =
      this.#registries.get(key) ??
      this.open(server, this.#options.credentials ?? nobody, attempts === undefined ? {} : { attempts })
    this.#registries.set(key, known)
    return known
  }

  /** A registry that shares connections with the others, and no tokens. A domain that is no host is an `invalid_argument` error. */
  open(
    { domain, endpoint }: Server,
    credentials: CredentialSource,
    { attempts, onRefreshToken }: Pick<RegistryOptions, 'attempts' | 'onRefreshToken'> = {},
  ): Registry {
    if (!isDomain(domain))
      throw new GantryError('invalid_argument', 'HOST_INVALID', `Cannot use "${domain}": it is not the host of a registry`, {
        hint: 'write HOST or HOST:PORT, without a scheme',
      })
    return new Registry(domain, {
      ...(endpoint?.tlsVerify !== undefined && { tlsVerify: endpoint.tlsVerify }),
      ...this.#options,
      ...(endpoint && { endpoint }),
      ...(onRefreshToken && { onRefreshToken }),
      ...(attempts !== undefined && { attempts: Math.min(attempts, this.#options.attempts ?? attempts) }),
      http: this.#client({ domain, ...(endpoint && { endpoint }) }),
      credentials,
      tokens: new TokenCache<RegistryAnswer>(isToken),
    })
  }

  close(): void {
    for (const client of this.#clients.values()) client.close()
    this.#clients.clear()
  }

  #client({ domain, endpoint = {} }: Server): HttpClient {
    const { tlsVerify, authorities, clientCertificate, connectTimeout } = endpoint
    const own = [tlsVerify, authorities, clientCertificate, connectTimeout]
    const key = own.every((setting) => setting === undefined) ? '' : JSON.stringify([domain, ...own])
    const { environment = {}, idleTimeout } = this.#options
    const wait = connectTimeout ?? this.#options.connectTimeout
    const client =
      this.#clients.get(key) ??
      new HttpClient({
        environment,
        tlsSettings: async (host) => await this.#tlsSettings(host, host === apiHost(domain) ? endpoint : {}),
        ...(wait !== undefined && { connectTimeout: wait }),
        ...(idleTimeout !== undefined && { idleTimeout }),
      })
    this.#clients.set(key, client)
    return client
  }

  /** What certs.d has for the host; what a configuration file says of the server comes before it. */
  async #tlsSettings(host: string, endpoint: EndpointSettings): Promise<TlsSettings> {
    const { tlsVerify, authorities = [], clientCertificate } = endpoint
    const verify = isVerifiedHost(host, { ...(tlsVerify !== undefined && { tlsVerify }), ...this.#options })
    const found = await readCertificates(this.#folders, host)
    const read = async (file: string): Promise<string> => await readCertificate(file)
    const named = await Promise.all(authorities.map(read))
    return {
      verify,
      ...found,
      ...(named.length > 0 && { authorities: [...named, ...(found.authorities ?? [])] }),
      ...(clientCertificate && {
        clientCertificate: { certificate: await read(clientCertificate.certificate), key: await read(clientCertificate.key) },
      }),
    }
  }
}

const readCertificate = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new GantryError('failed_precondition', 'CERTIFICATE_MISSING', `Cannot read the certificate or key "${file}"`, { cause })
  }
}
