import type { Routing } from '../remote/mirrors/route.ts'
import { startFaultyRegistry, type FaultyRegistry } from './faulty-registry.ts'
import { startTokenServer, type TokenServer, type TokenServerOptions } from './token-server.ts'

/** Docker Hub on loopback: `docker.io` is its registry, `auth.docker.io` its token server, and pulls of manifests are counted. */
export interface PlayedHub extends AsyncDisposable {
  readonly registry: FaultyRegistry
  readonly tokens: TokenServer
  /** Leads `docker.io` here. */
  readonly routing: Routing
  /** Pulls that are left: GET of a manifest takes one, HEAD none. */
  remaining: number
}

const limit = 100
const window = 'w=21600'

export const startPlayedHub = async (options: TokenServerOptions = {}): Promise<PlayedHub> => {
  const tokens = await startTokenServer({ service: 'registry.docker.io', ...options })
  const registry = await startFaultyRegistry({ challenge: tokens.challenge })
  const hub: PlayedHub = {
    registry,
    tokens,
    remaining: limit,
    // oxlint-disable-next-line require-await
    routing: async (domain, path) => {
      if (domain !== 'docker.io') return undefined
      const place = { domain, path, endpoint: { root: `${registry.url}/v2/` } }
      return { kind: 'places', file: 'the test', mirrors: [], origin: place, push: place }
    },
    [Symbol.asyncDispose]: async () => {
      await registry[Symbol.asyncDispose]()
      await tokens[Symbol.asyncDispose]()
    },
  }
  registry.fault((request, response) => {
    if (!request.path.includes('/manifests/') || request.headers.authorization === undefined) return false
    const isCounted = request.method === 'GET'
    if (isCounted && hub.remaining > 0) hub.remaining--
    else if (isCounted) {
      response.writeHead(429, { 'ratelimit-limit': `${limit};${window}`, 'ratelimit-remaining': `0;${window}` })
      response.end('{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit."}]}')
      return true
    }
    response.setHeader('ratelimit-limit', `${limit};${window}`)
    response.setHeader('ratelimit-remaining', `${hub.remaining};${window}`)
    response.setHeader('docker-ratelimit-source', '203.0.113.1')
    return false
  })
  return hub
}
