import type { TransferOptions } from '../content/interfaces.ts'
import type { ByteStream } from '../lib/bytes.ts'
import { GantryError, isGantryError, messageOf } from '../lib/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../lib/http/client.ts'
import { parseWarnings } from '../lib/http/warning.ts'
import { retry } from '../lib/retry.ts'
import { unlessAborted } from '../lib/unless-aborted.ts'
import { readAnswer, type RegistryAnswer } from './answer.ts'
import { Authorizer, type Requester, type Scopes } from './auth/authorizer.ts'
import type { TokenCache } from './auth/token-cache.ts'
import { Endpoint, type Security } from './endpoint.ts'
import { answerDetail, isTransient, isTransientStatus, registryError, type Purpose } from './failure.ts'
import type { CredentialSource, Credentials } from './interfaces.ts'
import { describeLimit, isRunningOut, parseRateLimit } from './rate-limit.ts'
import type { EndpointSettings } from './mirrors/route.ts'
import { refuseDowngrade, resolveLocation, sendFollowing } from './redirect.ts'
import type { UploadJournal } from './upload-journal.ts'

export interface RegistryOptions extends Security {
  readonly http: HttpClient
  readonly tokens: TokenCache<RegistryAnswer>
  readonly credentials: CredentialSource
  readonly userAgent?: string
  /** Each warning of a registry once. */
  readonly onWarning?: (message: string) => void
  /** A failure that is not the end; milliseconds until the next attempt. */
  readonly onRetry?: (reason: string, wait: number) => void
  /** Given: refresh tokens are asked for, and handed over. */
  readonly onRefreshToken?: (token: string) => void
  /** What a configuration file says of it. */
  readonly endpoint?: EndpointSettings
  /** Calls of one request, the first included. Default 5. */
  readonly attempts?: number
  /** Milliseconds before the second of them. Default 250. */
  readonly retryDelay?: number
  /** Where uploads are kept that a later process may go on with. */
  readonly uploads?: UploadJournal
}

export interface RegistryRequest extends Pick<TransferOptions, 'signal' | 'onRetry'> {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below `/v2/`, or what the registry gave by `locate`. */
  readonly url: string | URL
  readonly headers?: Readonly<Record<string, string>>
  /** A request with a stream is sent once. */
  readonly body?: Uint8Array | ByteStream
  readonly scopes: Scopes
  /** The repository, whose credentials are used. */
  readonly path?: string
  /** The statuses that are answers; all others are errors. */
  readonly accept: readonly number[]
  readonly purpose: Purpose
  readonly answerTimeout?: number
  /** False: the caller retries. */
  readonly retry?: boolean
}

const isStream = (body: RegistryRequest['body']): boolean => body !== undefined && !(body instanceof Uint8Array)

/** One registry: finds out how to speak to it, authenticates, follows redirects, retries, passes its warnings on, reads its refusals. */
export class Registry {
  readonly domain: string
  readonly #options: RegistryOptions
  readonly #endpoint: Endpoint
  readonly #authorizer: Authorizer
  readonly #credentials = new Map<string, Promise<Credentials | undefined>>()
  readonly #warned = new Set<string>()
  #reached = false
  /** Settled when the first request has ended, well or not. */
  #first: Promise<void> | undefined

  constructor(domain: string, options: RegistryOptions) {
    this.domain = domain
    this.#options = options
    const { http, tokens } = options
    this.#authorizer = new Authorizer({
      http,
      tokens,
      insecure: () => this.#endpoint.insecure,
      ...(options.onRefreshToken && { onRefreshToken: options.onRefreshToken }),
    })
    const root = options.endpoint?.root
    this.#endpoint = new Endpoint(domain, { ...options, ...(root !== undefined && { root }) }, http, (response) => {
      if (response.status === 401) this.#authorizer.remember(response.header('www-authenticate'))
    })
  }

  get uploads(): UploadJournal | undefined {
    return this.#options.uploads
  }

  /** Answers once the headers of an accepted status have come; the body must be read or discarded. */
  async send(request: RegistryRequest): Promise<HttpResponse> {
    const once = async (): Promise<HttpResponse> => {
      const response = await this.#afterFirst(request)
      if (request.accept.includes(response.status)) return response
      throw await this.#failure(response, request)
    }
    return request.retry === false || isStream(request.body) ? await once() : await this.retry(once, request)
  }

  /** Repeats what fails by chance, with growing waits or those that the registry asks for; `retryable` may know better. */
  async retry<T>(
    call: (attempt: number) => Promise<T>,
    options: Pick<TransferOptions, 'signal' | 'onRetry'> & {
      readonly retryable?: (error: unknown) => boolean | undefined
      readonly progressed?: () => boolean
    } = {},
  ): Promise<T> {
    const { attempts, retryDelay, onRetry } = this.#options
    return await retry(call, {
      ...(options.signal && { signal: options.signal }),
      ...(attempts !== undefined && { attempts }),
      ...(retryDelay !== undefined && { delay: retryDelay }),
      ...(options.progressed && { progressed: options.progressed }),
      retryable: (error) => options.retryable?.(error) ?? isTransient(error, this.#reached),
      onRetry: (error, wait) => {
        onRetry?.(messageOf(error), wait)
        options.onRetry?.(messageOf(error), wait)
      },
    })
  }

  /** A Location or Link target that the registry gave. One that says http for the registry's own host, as behind many proxies, means https. */
  locate(location: string | undefined, from: URL): URL {
    const url = resolveLocation(location, from)
    const wrongScheme = url.protocol === 'http:' && from.protocol === 'https:'
    if (wrongScheme && url.hostname === from.hostname && (url.port === '' || url.port === from.port)) {
      url.protocol = from.protocol
      url.port = from.port
    }
    refuseDowngrade(from, url, this.#endpoint.insecure)
    return url
  }

  /**
   * Lets one request find out how the registry wants to be asked, and whether it is there, before the others go out: they would all
   * be refused, and ask for a token each.
   */
  async #afterFirst(request: RegistryRequest): Promise<HttpResponse> {
    while (!this.#reached && this.#first !== undefined) await unlessAborted(this.#first, request.signal)
    if (this.#reached) return await this.#authorized(request)
    const answered = Promise.withResolvers<void>()
    this.#first = answered.promise
    try {
      return await this.#authorized(request)
    } finally {
      this.#first = undefined
      answered.resolve()
    }
  }

  async #authorized(request: RegistryRequest): Promise<HttpResponse> {
    const base = await this.#endpoint.base(request.signal)
    const url = typeof request.url === 'string' ? this.#ownUrl(request.url, base) : request.url
    const credentials = await this.#credentialsOf(request.path)
    let { scopes } = request
    for (let round = 0; ; round++) {
      const requester: Requester = {
        scopes,
        ...(credentials && { credentials }),
        ...(request.signal && { signal: request.signal }),
      }
      // credentials are for the registry alone, wherever a Location or Link leads
      const own = url.origin === base.origin
      const authorization = own ? await this.#authorize(requester, request.purpose) : undefined
      const response = await sendFollowing(
        this.#options.http,
        this.#httpRequest(request, url, authorization, own),
        this.#endpoint.insecure,
      )
      this.#reached = true
      this.#warn(response)
      if (response.status !== 401 || response.url.origin !== base.origin) return response
      const next = this.#authorizer.challenged(response.header('www-authenticate'), requester, authorization, round)
      if (next === undefined) return response
      response.discard()
      if (isStream(request.body))
        throw new GantryError(
          'unavailable',
          'TOKEN_EXPIRED',
          `Cannot ${request.purpose.what}: the registry wants to be asked anew`,
        )
      scopes = next
    }
  }

  #ownUrl(path: string, base: URL): URL {
    const url = new URL(path, base)
    const namespace = this.#options.endpoint?.namespace
    if (namespace !== undefined) url.searchParams.append('ns', namespace)
    return url
  }

  #httpRequest(request: RegistryRequest, url: URL, authorization: string | undefined, own: boolean): HttpRequest {
    const { method, body, signal, answerTimeout } = request
    const { userAgent, endpoint } = this.#options
    const headers = {
      ...(own && endpoint?.headers),
      ...(userAgent !== undefined && { 'user-agent': userAgent }),
      ...(authorization !== undefined && { authorization }),
    }
    return {
      method,
      url,
      headers: { ...headers, ...request.headers },
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
      ...(answerTimeout !== undefined && { answerTimeout }),
    }
  }

  async #authorize(requester: Requester, purpose: Purpose): Promise<string | undefined> {
    const authorization = await this.#authorizer.authorize(requester)
    if (authorization.kind === 'header') return authorization.value
    const { answer } = authorization
    const refused = isTransientStatus(answer.status)
      ? answer
      : { ...answer, status: 401, code: answer.status === 403 ? 'DENIED' : 'UNAUTHORIZED' }
    throw registryError(refused, purpose, this.domain, userOf(requester.credentials))
  }

  #credentialsOf(path = ''): Promise<Credentials | undefined> {
    const known = this.#credentials.get(path)
    if (known !== undefined) return known
    const found = this.#options.credentials.get(this.domain, path === '' ? undefined : path)
    this.#credentials.set(path, found)
    return found
  }

  async #failure(response: HttpResponse, { purpose, path }: RegistryRequest): Promise<GantryError> {
    const answer = await readAnswer(response)
    const user = userOf(await this.#credentialsOf(path))
    // a redirect led away: that host knows nothing of accounts and names
    const elsewhere = response.url.origin !== (await this.#endpoint.base()).origin
    const text = elsewhere ? `"${response.url.host}" answered ${answer.status}` : answer.text
    const error = registryError({ ...answer, text }, purpose, this.domain, user)
    if (!elsewhere || !(isGantryError(error, 'unauthenticated') || isGantryError(error, 'permission_denied'))) return error
    return new GantryError('unavailable', `HTTP_${answer.status}`, `Cannot ${purpose.what}: ${text}`, {
      detail: answerDetail(error),
    })
  }

  #warn(response: HttpResponse): void {
    for (const text of parseWarnings(response.header('warning'))) this.#warnOnce(text, text)
    const limit = response.status === 429 ? undefined : parseRateLimit(response)
    if (limit === undefined || !isRunningOut(limit)) return
    const left = `of ${describeLimit(limit)}, which "${this.domain}" allows, ${limit.remaining === 0 ? 'none is' : `${limit.remaining} are`} left`
    this.#warnOnce(limit.remaining === 0 ? 'none left' : 'running out', left)
  }

  /** Each kind once, and not without end. */
  #warnOnce(kind: string, text: string): void {
    if (this.#warned.has(kind) || this.#warned.size > 100) return
    this.#warned.add(kind)
    this.#options.onWarning?.(text)
  }
}

/** Who is logged in, for hints. */
const userOf = (credentials: Credentials | undefined): string | undefined =>
  credentials?.kind === 'password' ? `the account "${credentials.username}"` : credentials && 'your account'
