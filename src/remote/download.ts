import type { Abortable, ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { HttpClient } from '../lib/http/client.ts'
import { statusText } from '../lib/http/node-http.ts'
import type { Environment } from '../lib/http/proxy.ts'
import { redactUrl } from '../lib/http/redact.ts'
import { isVerifiedHost } from './endpoint.ts'
import { sendFollowing } from './redirect.ts'

export interface DownloadOptions extends Abortable {
  /** Proxies. */
  readonly environment?: Environment
  /** False: any certificate is taken, and https may lead to http. */
  readonly tlsVerify?: boolean
  readonly userAgent?: string
}

/** What an http or https URL serves, redirects followed. Any status but 200 is `unavailable`, 404 `not_found`. */
export async function* download(text: string, options: DownloadOptions = {}): ByteStream {
  const { environment = {}, tlsVerify, userAgent, signal } = options
  const url = parseUrl(text)
  const http = new HttpClient({
    environment,
    // oxlint-disable-next-line require-await
    tlsSettings: async (host) => ({ verify: isVerifiedHost(host, tlsVerify === undefined ? {} : { tlsVerify }) }),
  })
  try {
    const headers = userAgent === undefined ? {} : { 'user-agent': userAgent }
    const request = { method: 'GET', url, headers, ...(signal && { signal }) }
    const response = await sendFollowing(http, request, tlsVerify === false)
    if (response.status !== 200) {
      response.discard()
      throw new GantryError(
        response.status === 404 ? 'not_found' : 'unavailable',
        `HTTP_${response.status}`,
        `Cannot download "${redactUrl(url)}": "${response.url.host}" answered ${response.status} ${statusText(response.status)}`.trimEnd(),
      )
    }
    yield* response.body
  } finally {
    http.close()
  }
}

const parseUrl = (text: string): URL => {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new GantryError('invalid_argument', 'URL_INVALID', 'Cannot download: it is no http or https URL')
  if (url.username === '' && url.password === '') return url
  throw new GantryError(
    'unsupported',
    'URL_WITH_PASSWORD',
    `Cannot download "${redactUrl(url)}": its URL has a user or a password`,
    {
      hint: 'download it with another program, and pipe it in',
    },
  )
}
