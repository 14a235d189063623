import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { isIPv6, type AddressInfo, type Socket } from 'node:net'
import type { Abortable } from '../bytes.ts'
import { GantryError, messageOf, systemCode } from '../errors.ts'

export interface ListenAddress {
  /** A name or an address; an IPv6 address without brackets. */
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
}

export interface ListenOptions extends ListenAddress {
  /** Milliseconds without a byte in either direction after which a connection is cut. Default 2 minutes. */
  readonly idleTimeout?: number
}

/** A server that listens. Disposing closes it gracefully. */
export interface HttpServer extends AsyncDisposable {
  /** Where it listens, with the port that port 0 became. */
  readonly address: ListenAddress & { readonly url: string }
  /** Takes no more requests, lets those under way finish, and cuts them once the signal aborts. */
  close(options?: Abortable): Promise<void>
}

const minute = 60_000

const create = (handler: RequestListener, idleTimeout: number): Server =>
  Object.assign(
    createServer(
      {
        // uploads take as long as they take; what may not happen is silence, on which the idle timeout looks
        requestTimeout: 0,
        headersTimeout: Math.min(20_000, idleTimeout),
        connectionsCheckingInterval: Math.min(5000, idleTimeout),
        // longer than the minute for which proxies keep a connection, so that it is they who end it
        keepAliveTimeout: 65_000,
      },
      handler,
    ).on('checkContinue', handler),
    { timeout: idleTimeout },
  )

const listenError = (error: unknown, { host, port }: ListenAddress): GantryError => {
  const what = `Cannot listen on "${host}:${port}"`
  const code = systemCode(error)
  if (code === 'EADDRINUSE')
    return new GantryError('conflict', 'ADDRESS_IN_USE', `${what}: another program listens there`, {
      cause: error,
      hint: 'stop that program, or listen on another port',
    })
  if (code === 'EACCES')
    return new GantryError('permission_denied', 'ADDRESS_DENIED', `${what}: permission denied`, {
      cause: error,
      hint: 'listen on a port above 1023',
    })
  return new GantryError('invalid_argument', 'ADDRESS_INVALID', `${what}: ${messageOf(error)}`, { cause: error })
}

/**
 * Listens with a handler, which must answer every request and never throw. It also gets requests that expect "100 Continue"
 * before they send a body. Errors of listening are `conflict`, `permission_denied` or `invalid_argument`.
 */
export const listen = async (handler: RequestListener, options: ListenOptions): Promise<HttpServer> => {
  let closing = false
  // connections that have not sent a request yet, which Node.js does not count among the idle ones
  const unused = new Set<Socket>()
  const answering = new Set<ServerResponse>()
  const server = create(
    (request, response) => {
      unused.delete(request.socket)
      if (closing) response.shouldKeepAlive = false
      answering.add(response)
      response.once('close', () => answering.delete(response))
      handler(request, response)
    },
    options.idleTimeout ?? 2 * minute,
  )
  server.on('connection', (socket: Socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, options)))
    server.listen({ host: options.host, port: options.port, backlog: 1024 }, resolve)
  })
  const { address, port } = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  const close = async ({ signal }: Abortable = {}): Promise<void> => {
    closing = true
    closed ??= closeServer(server)
    for (const socket of unused) socket.destroy()
    for (const response of answering) response.shouldKeepAlive = false
    const cut = (): void => server.closeAllConnections()
    if (signal?.aborted === true) cut()
    signal?.addEventListener('abort', cut, { once: true })
    await closed
    signal?.removeEventListener('abort', cut)
  }
  return {
    address: { host: address, port, url: `http://${isIPv6(address) ? `[${address}]` : address}:${port}` },
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    // a connection whose request was under way becomes idle later, and Node.js closes the idle ones only once
    const idle = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearInterval(idle)
      resolve()
    })
  })
