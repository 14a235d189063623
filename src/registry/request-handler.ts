import type { IncomingMessage, RequestListener } from 'node:http'
import { GantryError, isGantryError } from '../lib/errors.ts'
import { requestLength, requestTarget } from '../lib/http/server-request.ts'
import { matchRoute } from '../lib/http/server-router.ts'
import { FileSender } from '../lib/http/server-send-file.ts'
import { Exchange, type Registry, type RegistryOptions } from './exchange.ts'
import { problem } from './problem.ts'
import { registryRoutes } from './routes.ts'

/** Milliseconds for which the rest of a refused body is read. */
const lingerTime = 2000

/**
 * Answers the requests of the distribution API (distribution-spec 1.1), everything below `/v2/`, and `/v1/search`; other paths are 404. Never throws:
 * every error becomes an answer. For servers that do more than this one; createRegistryServer() also listens.
 */
export const registryRequestHandler = (options: RegistryOptions): RequestListener => {
  const registry: Registry = { ...options, sender: new FileSender() }
  return (request, response) => {
    const { path, query } = requestTarget(request)
    const exchange = new Exchange(registry, request, response, query)
    respond(exchange, path)
      .catch((error: unknown) => fail(exchange, path, error))
      // a listener or an access check that fails while a failure is answered may not end the process
      .catch(() => response.destroy())
  }
}

const respond = async (exchange: Exchange, path: string): Promise<void> => {
  const { request, response } = exchange
  const match = matchRoute(registryRoutes, request.method ?? 'GET', path)
  switch (match.kind) {
    case 'found':
      return match.handler(exchange, match.params)
    case 'method-not-allowed':
      response.setHeader('Allow', match.allow)
      throw new GantryError('unsupported', 'METHOD_NOT_ALLOWED', `Cannot ${request.method} this: the methods are ${match.allow}`)
    case 'not-found':
      throw new GantryError(
        'not_found',
        'ROUTE_UNKNOWN',
        `Cannot find "${path.slice(0, 300)}": the registry has no such endpoint`,
      )
  }
}

const fail = (exchange: Exchange, path: string, error: unknown): void => {
  const { request, response } = exchange
  const { status, ...body } = problem(error)
  const isOurs = status >= 500 && !isGantryError(error, 'canceled')
  if (isOurs) exchange.emit({ kind: 'failed', method: request.method ?? '', path, error })
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const answer = Buffer.from(JSON.stringify({ errors: [body] }))
  const { access } = exchange.registry
  if (hasBody(request)) response.shouldKeepAlive = false
  exchange.head(status, {
    'Content-Type': 'application/json',
    'Content-Length': answer.length,
    ...(status === 401 && access !== undefined ? { 'WWW-Authenticate': access.challenge(request, exchange.scopes) } : {}),
  })
  if (!hasBody(request)) response.end(answer)
  else {
    response.write(answer)
    void drain(request).then(() => response.end())
  }
}

const hasBody = (request: IncomingMessage): boolean => !request.complete && requestLength(request) !== 0

/**
 * Reads what is left of a refused body for a while, and drops it: a connection that is closed with bytes unread is reset, and the
 * client might lose the answer.
 */
const drain = (request: IncomingMessage): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, lingerTime)
    request.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    request.resume()
  })
