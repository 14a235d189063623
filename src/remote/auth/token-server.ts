import { collect } from '../../lib/bytes.ts'
import { deadlineIn } from '../../lib/deadline.ts'
import { GantryError } from '../../lib/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../../lib/http/client.ts'
import { decoded } from '../../lib/http/decoded.ts'
import { readAnswer, type RegistryAnswer } from '../answer.ts'
import type { Credentials } from '../interfaces.ts'
import { parseSecretJson } from '../secret-json.ts'
import { sendFollowing } from '../redirect.ts'
import type { Token } from './token-cache.ts'

/** What a Bearer challenge and the user's configuration say. */
export interface TokenRequest {
  readonly realm: URL
  readonly service: string
  readonly scopes: readonly string[]
  /** None: an anonymous token. */
  readonly credentials?: Credentials
  /** Asks for a refresh token to keep, too. */
  readonly offline?: boolean
  /** The realm may redirect to plain HTTP. */
  readonly insecure: boolean
  readonly signal?: AbortSignal
}

const clientId = 'gantry'
const answerLimit = 1024 * 1024
/** Seconds. Not given means 60, and less than 60 is taken as 60, as distribution's own client does. */
const shortest = 60

/** `Basic` of a user name and a password. */
export const basicAuthorization = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

/** distribution docs/spec/auth/token.md */
const getRequest = ({ realm, service, scopes, credentials, offline }: TokenRequest): HttpRequest => {
  const url = new URL(realm)
  if (service !== '') url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  if (offline === true) {
    url.searchParams.set('offline_token', 'true')
    url.searchParams.set('client_id', clientId)
  }
  const headers: Record<string, string> = { accept: 'application/json' }
  if (credentials?.kind === 'password') {
    url.searchParams.set('account', credentials.username)
    headers['authorization'] = basicAuthorization(credentials.username, credentials.password)
  } else if (credentials?.kind === 'identity-token') headers['authorization'] = basicAuthorization('<token>', credentials.token)
  return { method: 'GET', url, headers }
}

/** distribution docs/spec/auth/oauth.md */
const postRequest = ({ realm, service, scopes, offline }: TokenRequest, credentials: Credentials): HttpRequest => {
  const grant: Readonly<Record<string, string>> =
    credentials.kind === 'password'
      ? { grant_type: 'password', username: credentials.username, password: credentials.password }
      : { grant_type: 'refresh_token', refresh_token: credentials.token }
  const wanted = { service, scope: scopes.join(' '), client_id: clientId, ...(offline === true && { access_type: 'offline' }) }
  const body = Buffer.from(new URLSearchParams({ ...grant, ...wanted }).toString())
  const headers = {
    accept: 'application/json',
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(body.length),
  }
  return { method: 'POST', url: realm, headers, body }
}

/**
 * An identity token is made for POST, a password for GET; each falls back to the other, as servers know one only and say so with
 * all kinds of statuses (404 and 405 in general, 400 and 401 of a POST too).
 */
const ask = async (http: HttpClient, request: TokenRequest): Promise<HttpResponse> => {
  const { credentials, insecure, signal } = request
  const send = (one: HttpRequest): Promise<HttpResponse> =>
    sendFollowing(http, { ...one, ...(signal && { signal }) }, insecure, { secretBody: true })
  const get = getRequest(request)
  if (credentials === undefined) return await send(get)
  const post = postRequest(request, credentials)
  const isPostFirst = credentials.kind === 'identity-token'
  const first = await send(isPostFirst ? post : get)
  if (!(first.status === 404 || first.status === 405 || (isPostFirst && (first.status === 400 || first.status === 401))))
    return first
  const second = await send(isPostFirst ? get : post)
  const [better, worse] = second.status < 300 || first.status === 404 || first.status === 405 ? [second, first] : [first, second]
  worse.discard()
  return better
}

/** Seconds that the token is still good for. Servers keep tokens: its age is by the server's own clock, not by ours. */
const remaining = (body: Readonly<Record<string, unknown>>, response: HttpResponse): number => {
  const lifetime = typeof body['expires_in'] === 'number' ? Math.max(shortest, body['expires_in']) : shortest
  const issued = typeof body['issued_at'] === 'string' ? Date.parse(body['issued_at']) : Number.NaN
  const age = (Date.parse(response.header('date') ?? '') - issued) / 1000
  return age > 0 ? lifetime - age : lifetime
}

const readToken = async (response: HttpResponse, realm: URL): Promise<Token> => {
  const what = `the answer of the token server "${realm.host}"`
  const body = parseSecretJson(await collect(decoded(response), answerLimit, what), what)
  const fields: Readonly<Record<string, unknown>> = typeof body === 'object' && body !== null ? { ...body } : {}
  const value = [fields['token'], fields['access_token']].find((text) => typeof text === 'string' && /^[\x21-\x7E]+$/.test(text))
  if (typeof value !== 'string')
    throw new GantryError('unavailable', 'TOKEN_INVALID', `Cannot authenticate at "${realm.host}": its answer holds no token`)
  const seconds = remaining(fields, response)
  const refresh = fields['refresh_token']
  return {
    value,
    ...(typeof refresh === 'string' && refresh !== '' && { refreshToken: refresh }),
    // renewed before it ends, so that it does not end under way
    expiry: deadlineIn((seconds - Math.min(10, seconds / 10)) * 1000),
  }
}

/** Asks a token server for a token. Its refusal is an answer; that it is out of order (5xx, 429) is for the caller to retry. */
export const fetchToken = async (http: HttpClient, request: TokenRequest): Promise<Token | RegistryAnswer> => {
  const response = await ask(http, request)
  return response.status === 200 ? await readToken(response, request.realm) : await readAnswer(response)
}

/** Tells a refusal from a token. */
export const isToken = (result: Token | RegistryAnswer): result is Token => 'expiry' in result
