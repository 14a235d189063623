import type { Agent as HttpAgent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import type { Abortable, ByteStream } from '../bytes.ts'
import { GantryError, systemCode, throwIfAborted } from '../errors.ts'
import { connectionError, isUntrusted, timeoutError } from './connection-error.ts'
import { bareHost } from './host.ts'
import { discardIncoming, readIncoming } from './incoming.ts'
import { readLarge } from './large-reads.ts'
import { nodeHttp, nodeHttps } from './node-http.ts'
import { sendStream } from './outgoing.ts'
import { proxyFor, type Environment } from './proxy.ts'

/** How a host proves who it is, and how we do. PEM texts. */
export interface TlsSettings {
  /** False: any certificate is taken. */
  readonly verify: boolean
  /** Authorities besides those that are trusted anyway. */
  readonly authorities?: readonly string[]
  readonly clientCertificate?: { readonly certificate: string; readonly key: string }
}

export interface HttpClientOptions {
  /** HTTP_PROXY, HTTPS_PROXY, NO_PROXY. */
  readonly environment?: Environment
  /** Asked once for each https host. Default: certificates are verified. */
  readonly tlsSettings?: (host: string) => Promise<TlsSettings>
  /** Milliseconds until a connection must stand. Default 30,000. */
  readonly connectTimeout?: number
  /** Milliseconds of silence while we wait for the other side. Default 60,000. */
  readonly idleTimeout?: number
}

export interface HttpRequest extends Abortable {
  readonly method: string
  /** Without user and password. */
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  /** A stream needs a Content-Length among the headers, is read once, and not before the connection stands. */
  readonly body?: Uint8Array | ByteStream
  /** Milliseconds from the end of the request to the headers of its answer. Default: the idle timeout. */
  readonly answerTimeout?: number
}

/** An answer whose headers have come. Its body must be read or discarded. */
export interface HttpResponse {
  readonly status: number
  readonly url: URL
  /** By lower-case name; several of a name are joined with commas. */
  header(name: string): string | undefined
  /** Read once; leaving it early closes the connection. Throws `unavailable` when the connection breaks or stays silent. */
  readonly body: ByteStream
  discard(): void
}

interface Origin {
  readonly agent: HttpAgent
  readonly request: (options: RequestOptions) => ClientRequest
}

/** HTTP/1.1 over pools of kept connections, one pool for each origin. Follows no redirect and retries nothing. */
export class HttpClient {
  readonly #options: HttpClientOptions
  readonly #origins = new Map<string, Promise<Origin>>()
  readonly #withSystemAuthorities = new Set<string>()

  constructor(options: HttpClientOptions = {}) {
    this.#options = options
  }

  /** Sends a request and answers when the headers have come, whatever the status. A connection that fails is a GantryError with a hint. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    const { origin } = request.url
    try {
      return await this.#exchange(request)
    } catch (error) {
      // the bundled authorities do not know it: perhaps those of this machine do
      if (!(error instanceof GantryError && isUntrusted(error.cause)) || this.#withSystemAuthorities.has(origin)) throw error
    }
    this.#withSystemAuthorities.add(origin)
    this.#origins.delete(origin)
    return await this.#exchange(request)
  }

  /** Closes all connections. */
  close(): void {
    for (const origin of this.#origins.values()) void origin.then(({ agent }) => agent.destroy()).catch(() => undefined)
    this.#origins.clear()
  }

  #origin(url: URL): Promise<Origin> {
    const known = this.#origins.get(url.origin)
    if (known !== undefined) return known
    const made = this.#open(url)
    this.#origins.set(url.origin, made)
    return made
  }

  async #open(url: URL): Promise<Origin> {
    const proxy = proxyFor(url, this.#options.environment ?? {})
    const pool = { keepAlive: true, maxFreeSockets: 16, ...(proxy && { proxyEnv: { http_proxy: proxy, https_proxy: proxy } }) }
    if (url.protocol === 'http:') {
      const { Agent, request } = nodeHttp()
      const agent = new Agent(pool)
      if (proxy === undefined) readLarge(agent)
      return { agent, request }
    }
    // loaded only here: TLS costs half as much again as the start of Node itself
    const { Agent, request } = nodeHttps()
    const { getCACertificates } = process.getBuiltinModule('node:tls')
    const settings = (await this.#options.tlsSettings?.(url.host)) ?? { verify: true }
    const system = this.#withSystemAuthorities.has(url.origin) ? getCACertificates('system') : []
    const extra = [...system, ...(settings.authorities ?? [])]
    const agent = new Agent({
      ...pool,
      rejectUnauthorized: settings.verify,
      ...(extra.length > 0 && { ca: [...getCACertificates('default'), ...extra] }),
      ...(settings.clientCertificate && { cert: settings.clientCertificate.certificate, key: settings.clientCertificate.key }),
    })
    return { agent, request }
  }

  async #exchange(request: HttpRequest, again = false): Promise<HttpResponse> {
    throwIfAborted(request.signal)
    const { url, method, headers, body, signal } = request
    const { idleTimeout = 60_000, connectTimeout = 30_000 } = this.#options
    const { agent, request: open } = await this.#origin(url)
    const outgoing = open({
      protocol: url.protocol,
      hostname: bareHost(url.hostname),
      port: url.port,
      path: url.pathname + url.search,
      method,
      agent,
      headers,
      ...(signal && { signal }),
    })
    const streamed = body !== undefined && !(body instanceof Uint8Array)
    try {
      const answer = receive(outgoing, url.host, connectTimeout, request.answerTimeout ?? idleTimeout)
      const sent = streamed ? sendStream(outgoing, body, url.host, idleTimeout) : void outgoing.end(body)
      const message = await Promise.race([answer, Promise.resolve(sent).then(() => answer)])
      return responseOf(message, request, idleTimeout)
    } catch (error) {
      outgoing.destroy()
      throwIfAborted(signal)
      // a kept connection that the other side had closed meanwhile
      if (
        !again &&
        !streamed &&
        outgoing.reusedSocket &&
        error instanceof GantryError &&
        systemCode(error.cause) === 'ECONNRESET'
      )
        return await this.#exchange(request, true)
      throw error
    }
  }
}

/** Waits for the headers; the time for them runs while a connection is made and once the request has been sent. */
const receive = (request: ClientRequest, host: string, connectTimeout: number, answerTimeout: number): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const expire = (during: string, milliseconds: number): NodeJS.Timeout =>
      setTimeout(() => request.destroy(timeoutError(host, during, milliseconds)), milliseconds)
    let timer = expire('while connecting', connectTimeout)
    const restart = (): void => {
      clearTimeout(timer)
      if (request.writableFinished) timer = expire('after the request', answerTimeout)
    }
    request.once('socket', (socket) => {
      if (request.reusedSocket || !socket.connecting) restart()
      else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', restart)
    })
    request.once('finish', restart)
    request.once('response', (message) => {
      clearTimeout(timer)
      resolve(message)
    })
    request.once('close', () => clearTimeout(timer))
    request.on('error', (error) => reject(connectionError(host, error)))
  })

const responseOf = (message: IncomingMessage, { url, signal }: HttpRequest, idle: number): HttpResponse => ({
  status: message.statusCode ?? 0,
  url,
  header: (name) => {
    const value = message.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  },
  body: readIncoming(message, url.host, idle, signal),
  discard: () => discardIncoming(message, idle),
})
