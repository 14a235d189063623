import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { ServerResponse } from 'node:http'
import { refuse } from './faulty-registry.ts'
import { answerJson, done, type HttpPeer, type PeerRequest } from './http-peer.ts'

/** A way in which registries of the real world differ from the distribution-spec, switched on for a registry that a test has started. */
export type Misbehaviour = (registry: Pick<HttpPeer, 'fault' | 'faultTimes'>) => void

type Matches = (request: PeerRequest) => boolean
type Headers = Record<string, string | number | readonly string[] | undefined>

const everything: Matches = ({ path }) => path !== '/v2/'

/** Requests for manifests, blobs, uploads, lists of tags. */
export const about = (kind: 'manifests' | 'blobs' | 'uploads' | 'tags' | 'referrers', method?: string): Matches => {
  const part = kind === 'uploads' ? '/blobs/uploads/' : `/${kind}/`
  return (request) =>
    request.path.includes(part) &&
    (kind !== 'blobs' || !request.path.includes('/uploads/')) &&
    (method === undefined || request.method === method)
}

/** Changes the status and headers of honest answers. */
export const edited =
  (
    edit: (headers: Headers, status: number) => Headers & { readonly status?: number },
    matches: Matches = everything,
  ): Misbehaviour =>
  ({ fault }) => {
    fault((request, response) => {
      if (!matches(request)) return
      const writeHead = response.writeHead.bind(response)
      response.writeHead = ((before: number, headers: Headers = {}) => {
        const { status = before, ...after } = edit(headers, before)
        const given = Object.entries(after).filter(([, value]) => value !== undefined)
        return writeHead(status, Object.fromEntries(given) as Record<string, string>)
      }) as ServerResponse['writeHead']
    })
  }

/** Adds headers; `undefined` takes one away. */
export const withHeaders = (added: Headers, matches?: Matches): Misbehaviour =>
  edited((headers) => ({ ...headers, ...added }), matches)

/** Answers something else: a page, nothing, another shape. */
export const answering =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}, matches: Matches = everything): Misbehaviour =>
  ({ fault }) =>
    void fault((request, response) => matches(request) && done(response.writeHead(status, headers).end(body)))

/** As `answering`, once, or a few times. */
export const answeringFirst =
  (times: number, status: number, headers: Readonly<Record<string, string>> = {}, matches: Matches = everything): Misbehaviour =>
  ({ faultTimes }) =>
    faultTimes(times, matches, (_request, response) => refuse(response, status, 'UNKNOWN', 'of a sort', headers))

/** Knows no HEAD. */
export const withoutHead = (status: 404 | 405 | 501): Misbehaviour => answering(status, '', {}, ({ method }) => method === 'HEAD')

/** Forgets that it was asked for a range, and sends all. */
export const withoutRanges: Misbehaviour = ({ fault }) => void fault(({ headers }) => void delete headers.range)

/** Sends no length: the body comes in chunks. */
export const withoutLength: Misbehaviour = withHeaders({ 'content-length': undefined })

const packers = {
  gzip: gzipSync,
  'x-gzip': gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
} as const

/** Packs what it sends, though nobody asked for that. */
export const packed =
  (coding: keyof typeof packers, matches?: Matches): Misbehaviour =>
  (registry) => {
    edited((headers) => ({ ...headers, 'content-length': undefined, 'content-encoding': coding }), matches)(registry)
    registry.fault((request, response) => {
      if (!(matches ?? everything)(request)) return
      const end = response.end.bind(response)
      response.end = ((body?: unknown) =>
        body instanceof Uint8Array ? end(packers[coding](body)) : end()) as ServerResponse['end']
    })
  }

/** Wants its collections without the slash at their end, or with one. */
export const redirecting =
  (status: 301 | 307 | 308, to: (path: string) => string, matches: Matches): Misbehaviour =>
  ({ fault }) =>
    void fault((request, response) => {
      if (!matches(request) || request.query.has('moved')) return false
      const query = new URLSearchParams(request.query)
      query.set('moved', '1')
      return done(response.writeHead(status, { location: `${to(request.path)}?${query.toString()}` }).end())
    })

/** A page of a list that says where the next one is. */
export const listing =
  (body: unknown, link?: string): Misbehaviour =>
  ({ fault }) =>
    void fault(
      (request, response) =>
        (about('tags')(request) || request.path.endsWith('/_catalog')) &&
        answerJson(response, 200, body, link === undefined ? {} : { link }),
    )
