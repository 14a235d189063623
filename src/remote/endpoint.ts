import { isGantryError, type GantryError } from '../lib/errors.ts'
import type { HttpClient, HttpResponse } from '../lib/http/client.ts'
import { isLoopbackHost } from '../lib/http/host.ts'
import { unlessAborted } from '../lib/unless-aborted.ts'
import { apiHost } from '../oci/reference.ts'

/** What the user says about encryption. */
export interface Security {
  /** False: certificates are not checked, and plain HTTP is spoken where https is not. True: neither, not even on this machine. */
  readonly tlsVerify?: boolean
  /** Only plain HTTP is spoken. */
  readonly plainHttp?: boolean
}

type Protocol = 'https' | 'http'

/**
 * In which ways a registry may be spoken to, the likelier first. As with docker, one on this machine needs neither a certificate
 * nor https. Unlike docker a port of this machine is asked in plain HTTP first: the question holds no secret, and TLS would have to
 * be loaded for it.
 */
export const protocolsOf = (host: string, { tlsVerify, plainHttp }: Security): readonly Protocol[] => {
  if (plainHttp === true) return ['http']
  if (tlsVerify === true) return ['https']
  const { hostname, port } = new URL(`https://${host}`)
  if (isLoopbackHost(hostname)) return port === '' ? ['https', 'http'] : ['http', 'https']
  return tlsVerify === false ? ['https', 'http'] : ['https']
}

/** True if certificates of the host (with a port or without) are checked. */
export const isVerifiedHost = (host: string, { tlsVerify }: Security): boolean =>
  tlsVerify ?? !isLoopbackHost(new URL(`https://${host}`).hostname)

const speaksOther = new Set(['HTTP_RESPONSE_TO_HTTPS', 'TLS_FAILED', 'CONNECTION_REFUSED', 'CONNECTION_LOST', 'HTTP_INVALID'])

/** The root of a registry's API, found out when it is first asked for. */
export class Endpoint {
  readonly domain: string
  readonly #security: Security
  readonly #http: HttpClient
  readonly #onAnswer: (response: HttpResponse) => void
  #base: URL | undefined
  #finding: Promise<URL> | undefined

  /** `root`: that of its API, where it is known. */
  constructor(
    domain: string,
    security: Security & { readonly root?: string },
    http: HttpClient,
    onAnswer: (response: HttpResponse) => void,
  ) {
    this.domain = domain
    this.#security = security
    this.#http = http
    this.#onAnswer = onAnswer
    if (security.root !== undefined) this.#base = new URL(security.root)
    const [only, ...others] = protocolsOf(apiHost(domain), security)
    if (others.length === 0) this.#base ??= this.#root(only ?? 'https')
  }

  /** `https://host/v2/` or `http://host/v2/`. */
  async base(signal?: AbortSignal): Promise<URL> {
    if (this.#base !== undefined) return this.#base
    this.#finding ??= this.#find().finally(() => (this.#finding = undefined))
    return await unlessAborted(this.#finding, signal)
  }

  /** True if secrets may travel in the clear: the registry itself speaks plain HTTP, or the user allowed it. */
  get insecure(): boolean {
    return this.#security.tlsVerify === false || this.#base?.protocol === 'http:'
  }

  #root(protocol: Protocol): URL {
    return new URL(`${protocol}://${apiHost(this.domain)}/v2/`)
  }

  /** Asks in each way until one is answered. A server that wants https answers plain HTTP with 400 or a redirect, or not at all. */
  async #find(): Promise<URL> {
    const failures: GantryError[] = []
    let fallback: URL | undefined
    for (const protocol of protocolsOf(apiHost(this.domain), this.#security)) {
      const url = this.#root(protocol)
      try {
        const response = await this.#http.request({ method: 'GET', url, headers: {} })
        response.discard()
        if (protocol === 'http' && response.status >= 300 && response.status <= 400) fallback = url
        else {
          this.#base = url
          this.#onAnswer(response)
          return url
        }
      } catch (error) {
        if (!isGantryError(error) || !speaksOther.has(error.code)) throw error
        failures.push(error)
      }
    }
    if (fallback !== undefined) return (this.#base = fallback)
    throw failures.find(({ code }) => code !== 'CONNECTION_REFUSED') ?? failures[0]
  }
}
