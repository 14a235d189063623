import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/** A request as it came. */
export interface PeerRequest {
  readonly method: string
  /** Path without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  /** The body, read once for all who ask. */
  readonly body: () => Promise<Buffer>
  /** What has come of the body, of one that broke off too. */
  readonly arrived: () => Buffer
  readonly incoming: IncomingMessage
}

/** Answers a request, or leaves it to the next by `false` (or nothing). */
export type PeerHandler = (request: PeerRequest, response: ServerResponse) => boolean | void | Promise<boolean | void>

export interface PeerOptions {
  /** PEM; https is spoken then. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string; readonly requestCert?: boolean }
  /** Default 127.0.0.1. */
  readonly address?: string
}

/** A server of this process that plays another program to a client under test. Ends with all its connections when disposed. */
export interface HttpPeer extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly host: string
  readonly url: string
  /** Every request, in the order of arrival. */
  readonly requests: PeerRequest[]
  /** Asked before all that was given earlier. Answers a function that takes it away. */
  readonly fault: (handler: PeerHandler) => () => void
  /** As `fault`, for the first `count` requests that match. */
  readonly faultTimes: (count: number, matches: (request: PeerRequest) => boolean, handler: PeerHandler) => void
}

const peerRequest = (incoming: IncomingMessage): PeerRequest => {
  const url = new URL(incoming.url ?? '/', 'http://peer')
  let body: Promise<Buffer> | undefined
  const chunks: Buffer[] = []
  const read = async (): Promise<Buffer> => {
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks)
  }
  return {
    method: incoming.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body: () => (body ??= read()),
    arrived: () => Buffer.concat(chunks),
    incoming,
  }
}

/** Starts a peer on a free port of the loopback device; `handler` answers what no fault does. */
export const startPeer = async (handler: PeerHandler, { tls, address = '127.0.0.1' }: PeerOptions = {}): Promise<HttpPeer> => {
  const handlers: PeerHandler[] = [handler]
  const requests: PeerRequest[] = []
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = peerRequest(incoming)
    requests.push(request)
    for (const one of handlers) if ((await one(request, response)) === true) return
    response.writeHead(404).end()
  }
  const listener: RequestListener = (incoming, response) => {
    answer(incoming, response).catch(() => response.destroy())
  }
  const server = tls
    ? (await import('node:https')).createServer(tls, listener)
    : (await import('node:http')).createServer(listener)
  server.on(
    'clientError',
    (_error, socket) => void (socket.writable ? socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') : socket.destroy()),
  )
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, address, resolve))
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  const host = `${address.includes(':') ? `[${address}]` : address}:${port}`
  const fault = (added: PeerHandler): (() => void) => {
    handlers.unshift(added)
    return () => void (handlers.includes(added) && handlers.splice(handlers.indexOf(added), 1))
  }
  return {
    host,
    url: `${tls ? 'https' : 'http'}://${host}`,
    requests,
    fault,
    faultTimes: (count, matches, added) => {
      let left = count
      fault((request, response) => {
        if (left === 0 || !matches(request)) return false
        left--
        return added(request, response)
      })
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

/** Answers with JSON. */
export const answerJson = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): true => {
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers }).end(bytes)
  return true
}

/** Says that a request has been answered, by the call that did it. */
export const done = (_answer: unknown): true => true
