import { GantryError } from '../lib/errors.ts'
import type { HttpClient, HttpRequest, HttpResponse } from '../lib/http/client.ts'
import { redactUrl } from '../lib/http/redact.ts'

const maxHops = 10
const redirects = new Set([301, 302, 303, 307, 308])

/** A URL that a server gave, relative to the one that was asked; user and password in it are dropped. */
export const resolveLocation = (location: string | undefined, base: URL): URL => {
  const url = location === undefined ? null : URL.parse(location, base.href)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw new GantryError('unavailable', 'LOCATION_INVALID', `Cannot follow "${base.host}": it gave no valid location`)
  url.username = ''
  url.password = ''
  url.hash = ''
  return url
}

/** https must not lead to http, where anyone can read and change what passes, unless the user gave up on that. */
export const refuseDowngrade = (from: URL, to: URL, insecure: boolean): void => {
  if (from.protocol !== 'https:' || to.protocol !== 'http:' || insecure) return
  throw new GantryError(
    'failed_precondition',
    'INSECURE_REDIRECT',
    `Cannot follow "${redactUrl(from)}" to "${redactUrl(to)}": it leads from https to http`,
    {
      hint: 'the proxy in front of the registry may have to send X-Forwarded-Proto; --tls-verify=false allows it',
    },
  )
}

type Headers = HttpRequest['headers']

/** What any host may see: neither Authorization nor what a configuration file adds for one host. */
const isPublic = (name: string): boolean => /^(?:accept|accept-encoding|range|user-agent|content-[a-z]+)$/.test(name)

const publicOnly = (headers: Headers): Headers => Object.fromEntries(Object.entries(headers).filter(([name]) => isPublic(name)))

/**
 * Sends a request and follows redirects: of GET and HEAD all, of others those that keep method and body, when the body is in
 * memory. Authorization never goes to another origin (distribution-spec §Pulling blobs), nor does a body that holds a secret.
 */
export const sendFollowing = async (
  http: HttpClient,
  request: HttpRequest,
  insecure: boolean,
  { secretBody = false }: { readonly secretBody?: boolean } = {},
): Promise<HttpResponse> => {
  let current = request
  for (let hop = 0; ; hop++) {
    const response = await http.request(current)
    const { method, body, url } = current
    const reads = method === 'GET' || method === 'HEAD'
    const keeps = response.status >= 307 && (body === undefined || body instanceof Uint8Array)
    if (!redirects.has(response.status) || !(reads || keeps)) return response
    response.discard()
    if (hop === maxHops)
      throw new GantryError(
        'unavailable',
        'TOO_MANY_REDIRECTS',
        `Cannot read "${redactUrl(request.url)}": more than ${maxHops} redirects`,
      )
    const target = resolveLocation(response.header('location'), url)
    refuseDowngrade(url, target, insecure)
    if (secretBody && body !== undefined && target.origin !== url.origin)
      throw new GantryError(
        'unavailable',
        'SECRET_REDIRECT',
        `Cannot follow "${redactUrl(url)}" to "${redactUrl(target)}": credentials do not go to another server`,
      )
    const headers = target.origin === url.origin ? current.headers : publicOnly(current.headers)
    current = { ...current, url: target, headers }
  }
}
