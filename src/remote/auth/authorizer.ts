import { parseChallenges, type Challenge } from '../../lib/http/challenge.ts'
import { GantryError } from '../../lib/errors.ts'
import type { HttpClient } from '../../lib/http/client.ts'
import type { RegistryAnswer } from '../answer.ts'
import { isTransientStatus } from '../failure.ts'
import type { Credentials } from '../interfaces.ts'
import { splitScopes, unionScopes } from './scope.ts'
import type { Token, TokenCache } from './token-cache.ts'
import { basicAuthorization, fetchToken } from './token-server.ts'

/** What a request must be allowed to do, and what it could make use of besides (a mount: reading the other repository). */
export interface Scopes {
  readonly needed: readonly string[]
  readonly extra?: readonly string[]
}

/** Whom a request is made for. */
export interface Requester {
  readonly scopes: Scopes
  readonly credentials?: Credentials
  readonly signal?: AbortSignal
}

/** The header to send, if any, or the token server's refusal. */
export type Authorization =
  | { readonly kind: 'header'; readonly value?: string }
  | { readonly kind: 'denied'; readonly answer: RegistryAnswer }

export interface AuthorizerOptions {
  readonly http: HttpClient
  readonly tokens: TokenCache<RegistryAnswer>
  /** Asks for refresh tokens, and is given them. */
  readonly onRefreshToken?: (token: string) => void
  /** Token servers may be asked, and may redirect, over plain HTTP. */
  readonly insecure: () => boolean
}

type Scheme = { readonly kind: 'basic' } | { readonly kind: 'bearer'; readonly realm: URL; readonly service: string }

const nobody: Authorization = { kind: 'header' }

/** Answers a registry's challenges (RFC 9110 §11.6, distribution docs/spec/auth) and remembers how it wants to be asked. */
export class Authorizer {
  readonly #options: AuthorizerOptions
  #scheme: Scheme | undefined
  readonly #refusedExtra = new Set<string>()

  constructor(options: AuthorizerOptions) {
    this.#options = options
  }

  /** What to send with a request. Nothing as long as the registry has not asked for anything. */
  async authorize(requester: Requester): Promise<Authorization> {
    const { credentials, scopes } = requester
    const scheme = this.#scheme
    if (scheme === undefined) return nobody
    if (scheme.kind === 'basic')
      return credentials?.kind === 'password'
        ? { kind: 'header', value: basicAuthorization(credentials.username, credentials.password) }
        : nobody
    if (credentials?.kind === 'registry-token') return { kind: 'header', value: `Bearer ${credentials.token}` }
    const extra = (scopes.extra ?? []).filter((scope) => !this.#refusedExtra.has(scope))
    const wanted = unionScopes(scopes.needed, extra)
    const result = await this.#token(scheme, requester, wanted)
    if (!('status' in result)) return { kind: 'header', value: `Bearer ${result.value}` }
    if (extra.length === 0 || isTransientStatus(result.status)) return { kind: 'denied', answer: result }
    for (const scope of extra) this.#refusedExtra.add(scope)
    return await this.authorize(requester)
  }

  /** Takes in the WWW-Authenticate header of an answer, be it to a request that was only to find out. */
  remember(header: string | undefined): Challenge | undefined {
    const challenges = parseChallenges(header ?? '')
    const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'))
    if (bearer !== undefined) {
      const realm = this.#realm(bearer.parameters.get('realm') ?? '')
      this.#scheme = { kind: 'bearer', realm, service: bearer.parameters.get('service') ?? '' }
      return bearer
    }
    const basic = challenges.find(({ scheme }) => scheme === 'basic')
    if (basic !== undefined) this.#scheme = { kind: 'basic' }
    return basic
  }

  /**
   * Looks at a 401: the scopes to try again with, or undefined if that is the end. `round` counts the 401s to one request: the
   * first may be news or an expired token; after that only a wish for more than was asked for is worth another try, once.
   */
  challenged(
    header: string | undefined,
    { scopes, credentials }: Requester,
    sent: string | undefined,
    round: number,
  ): Scopes | undefined {
    const challenge = this.remember(header)
    if (challenge === undefined || round > 1) return undefined
    if (challenge.scheme === 'basic')
      return sent?.startsWith('Basic ') === true || credentials?.kind !== 'password' ? undefined : scopes
    const needed = unionScopes(scopes.needed, splitScopes(challenge.parameters.get('scope')))
    const grown = needed.join(' ') !== unionScopes(scopes.needed, []).join(' ')
    const lacksScope = challenge.parameters.get('error') === 'insufficient_scope' && grown
    if (sent?.startsWith('Bearer ') === true && !lacksScope) this.#options.tokens.forget(sent.slice('Bearer '.length))
    return round === 0 || grown ? { ...scopes, needed } : undefined
  }

  /** Credentials go where the registry says, other hosts included, but in the clear only if the registry itself speaks so. */
  #realm(text: string): URL {
    const url = URL.parse(text)
    if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
      throw new GantryError('unavailable', 'REALM_INVALID', 'Cannot authenticate: the registry named no valid token server')
    url.username = ''
    url.password = ''
    url.hash = ''
    if (url.protocol === 'http:' && !this.#options.insecure())
      throw new GantryError(
        'failed_precondition',
        'REALM_INSECURE',
        `Cannot authenticate at "${url.host}": the registry speaks https, but its token server does not`,
        { hint: '--tls-verify=false allows it, and shows the credentials to everyone on the way' },
      )
    return url
  }

  async #token(
    { realm, service }: Scheme & { readonly kind: 'bearer' },
    { credentials, signal }: Requester,
    scopes: readonly string[],
  ): Promise<Token | RegistryAnswer> {
    const { http, tokens, insecure, onRefreshToken } = this.#options
    const key = { realm: realm.href, service, identity: JSON.stringify(credentials ?? null), scopes }
    const who = { ...(credentials && { credentials }), ...(signal && { signal }) }
    return await tokens.get(key, async () => {
      const request = { realm, service, scopes, insecure: insecure(), offline: onRefreshToken !== undefined, ...who }
      const token = await fetchToken(http, request)
      if ('refreshToken' in token && token.refreshToken !== undefined) onRefreshToken?.(token.refreshToken)
      return token
    })
  }
}
