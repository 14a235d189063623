import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ByteStream } from '../bytes.ts'
import { GantryError, messageOf, systemCode } from '../errors.ts'

/** A request target: the path as it was sent, still percent-encoded, and the query. */
export interface RequestTarget {
  readonly path: string
  readonly query: URLSearchParams
}

const noQuery = new URLSearchParams()

/** Splits the target of a request; an absolute one (RFC 9112 §3.2.2) loses its scheme and host. Nothing is normalised. */
export const requestTarget = (request: IncomingMessage): RequestTarget => {
  const whole = request.url ?? '/'
  const url = whole.startsWith('/') ? whole : whole.replace(/^https?:\/\/[^/?#]*/i, '')
  const mark = url.indexOf('?')
  return mark === -1
    ? { path: url, query: noQuery }
    : { path: url.slice(0, mark), query: new URLSearchParams(url.slice(mark + 1)) }
}

/** A header as one text; of those that Node.js gives as a list, the elements joined. */
export const requestHeader = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name]
  return typeof value === 'string' || value === undefined ? value : value.join(', ')
}

/** The length of the body if the request says it; undefined for a chunked body, 0 if there is none. */
export const requestLength = (request: IncomingMessage): number | undefined => {
  if (request.headers['transfer-encoding'] !== undefined) return undefined
  return Number(request.headers['content-length'] ?? 0)
}

/**
 * The body of a request, asked for with "100 Continue" where the client waits for that. A connection that ends before the body
 * does is a `canceled` error. Chunks are not reused.
 */
export async function* requestBody(request: IncomingMessage, response: ServerResponse): ByteStream {
  if (/^100-continue$/i.test(request.headers.expect ?? '') && !response.headersSent) response.writeContinue()
  try {
    // not destroyed when the reader stops early: that would close the connection before the answer
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Buffer
  } catch (error) {
    if (systemCode(error) !== 'ECONNRESET' && request.complete) throw error
    throw new GantryError('canceled', 'CONNECTION_LOST', `Cannot read the request: ${messageOf(error)}`, { cause: error })
  }
}

/** True if an Accept header covers a media type (RFC 9110 §12.5.1); an absent header covers all. */
export const accepts = (header: string | undefined, mediaType: string): boolean => {
  if (header === undefined || header === mediaType) return true
  const ranges = new Set([mediaType, `${mediaType.slice(0, mediaType.indexOf('/'))}/*`, '*/*'])
  return header.split(',').some((element) => {
    const [range = '', ...parameters] = element.split(';')
    return ranges.has(range.trim().toLowerCase()) && !parameters.some((one) => /^\s*q\s*=\s*0(?:\.0*)?\s*$/i.test(one))
  })
}

/** True if an If-None-Match header names the entity tag or any (RFC 9110 §13.1.2); weak tags compare as strong ones. */
export const matchesEntityTag = (header: string | undefined, tag: string): boolean =>
  header !== undefined && header.split(',').some((element) => ['*', tag].includes(element.trim().replace(/^W\//, '')))
