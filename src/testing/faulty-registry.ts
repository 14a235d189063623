import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { formatContentRange, formatUploadRange, parseRange, parseUploadRange } from '../lib/http/range.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf, isDigest, type Digest } from '../oci/digest.ts'
import { describe, encodeJson, parseManifestOrIndex } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { answerJson, startPeer, type HttpPeer, type PeerOptions, type PeerRequest } from './http-peer.ts'

/** In what this registry differs from one that can do all that the distribution-spec has. */
export interface FaultyRegistryOptions extends PeerOptions {
  /** False: no referrers API, no OCI-Subject. */
  readonly referrers?: boolean
  /** False: a mount is answered with 202 and an upload. */
  readonly mount?: boolean
  /** Locations with scheme and host; else relative ones. */
  readonly absoluteLocations?: boolean
  readonly chunkMinLength?: number
  /** False: no Docker-Content-Digest. */
  readonly digestHeader?: boolean
  /** The largest body of one request; a larger one is answered with 413. */
  readonly maxBody?: number
  /** The challenge for a request that may not pass, or undefined. Asked for every request. */
  readonly challenge?: (request: PeerRequest, scope: string) => string | undefined
}

/** A registry in this process with honest answers, in front of which a test puts faults. What it holds is open to the test. */
export interface FaultyRegistry extends HttpPeer {
  /** By `repository@digest`. */
  readonly blobs: Map<string, Buffer>
  /** By `repository@digest`. */
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly mediaType: string }>
  /** Digests by `repository:tag`. */
  readonly tags: Map<string, Digest>
  readonly uploads: Map<string, Buffer>
  addBlob(path: string, bytes: Uint8Array): Descriptor
  addManifest(path: string, tag: string | undefined, manifest: object, mediaType?: string): Descriptor
}

type State = Pick<FaultyRegistry, 'blobs' | 'manifests' | 'tags' | 'uploads'> & { readonly options: FaultyRegistryOptions }

interface Call extends State {
  readonly request: PeerRequest
  readonly response: ServerResponse
  readonly path: string
  /** What follows the kind of thing in the URL: a digest, a tag, an upload. */
  readonly rest: string
}

/** Refuses as registries do. */
export const refuse = (
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): true => answerJson(response, status, { errors: [{ code, message, detail: null }] }, headers)

const end = (response: ServerResponse, status: number, headers: Readonly<Record<string, string | number>> = {}): true => {
  response.writeHead(status, headers).end()
  return true
}

const digestHeader = ({ options }: Call, digest: Digest): Readonly<Record<string, string>> =>
  options.digestHeader === false ? {} : { 'docker-content-digest': digest }

const location = ({ request, options }: Call, path: string): Readonly<Record<string, string>> => ({
  location: options.absoluteLocations === true ? `${options.tls ? 'https' : 'http'}://${request.headers.host}${path}` : path,
})

const sendBytes = (call: Call, bytes: Buffer, headers: Readonly<Record<string, string | number>>): true => {
  const { request, response } = call
  const range = parseRange(request.headers.range, bytes.length)
  if (range.kind === 'unsatisfiable') return end(response, 416, { 'content-range': formatContentRange(undefined, bytes.length) })
  const part = range.kind === 'part' ? bytes.subarray(range.start, range.end) : bytes
  const partial = range.kind === 'part' ? { 'content-range': formatContentRange(range, bytes.length) } : {}
  response.writeHead(range.kind === 'part' ? 206 : 200, { ...headers, ...partial, 'content-length': part.length })
  response.end(request.method === 'HEAD' ? undefined : part)
  return true
}

const blobs = (call: Call): true => {
  const { request, response, path, rest } = call
  const bytes = call.blobs.get(`${path}@${rest}`)
  if (bytes === undefined) return refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry')
  if (request.method !== 'DELETE')
    return sendBytes(call, bytes, { 'content-type': 'application/octet-stream', ...digestHeader(call, rest as Digest) })
  call.blobs.delete(`${path}@${rest}`)
  return end(response, 202)
}

const uploadAnswer = (call: Call, status: number, id: string, size: number): true => {
  const least = call.options.chunkMinLength
  return end(call.response, status, {
    ...location(call, `/v2/${call.path}/blobs/uploads/${id}?_state=a%2Fb%3D`),
    range: formatUploadRange({ start: 0, end: size }),
    'content-length': 0,
    ...(least !== undefined && { 'oci-chunk-min-length': least }),
  })
}

const beginUpload = (call: Call): true => {
  const { request, response, path } = call
  const digest = request.query.get('mount')
  const from = call.blobs.get(`${request.query.get('from')}@${digest}`)
  if (digest !== null && isDigest(digest) && from !== undefined && call.options.mount !== false) {
    call.blobs.set(`${path}@${digest}`, from)
    return end(response, 201, { ...location(call, `/v2/${path}/blobs/${digest}`), ...digestHeader(call, digest) })
  }
  const id = randomUUID()
  call.uploads.set(id, Buffer.alloc(0))
  return uploadAnswer(call, 202, id, 0)
}

const commit = (call: Call, id: string, bytes: Buffer): true => {
  const { request, response, path } = call
  const digest = request.query.get('digest') ?? ''
  call.uploads.delete(id)
  if (!isDigest(digest) || digestOf(bytes, digest.startsWith('sha512') ? 'sha512' : 'sha256') !== digest)
    return refuse(response, 400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
  call.blobs.set(`${path}@${digest}`, bytes)
  return end(response, 201, { ...location(call, `/v2/${path}/blobs/${digest}`), ...digestHeader(call, digest) })
}

const uploads = async (call: Call): Promise<true> => {
  const { request, response, rest, options } = call
  if (request.method === 'POST') return beginUpload(call)
  const received = call.uploads.get(rest)
  if (received === undefined || request.query.get('_state') !== 'a/b=')
    return refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry')
  if (request.method === 'GET') return uploadAnswer(call, 204, rest, received.length)
  if (request.method === 'DELETE') return end(response, call.uploads.delete(rest) ? 204 : 404)
  if (Number(request.headers['content-length'] ?? 0) > (options.maxBody ?? Number.POSITIVE_INFINITY)) {
    request.incoming.resume()
    return end(response, 413, { connection: 'close' })
  }
  const range = parseUploadRange(request.headers['content-range'])
  const body = await request.body().catch((error: unknown) => {
    // as the registries do that people run
    if (range === undefined || range.start === received.length)
      call.uploads.set(rest, Buffer.concat([received, request.arrived()]))
    throw error
  })
  if (range !== undefined && (range.start !== received.length || range.end - range.start !== body.length))
    return uploadAnswer(call, 416, rest, received.length)
  const bytes = Buffer.concat([received, body])
  if (request.method === 'PUT') return commit(call, rest, bytes)
  call.uploads.set(rest, bytes)
  return uploadAnswer(call, 202, rest, bytes.length)
}

const putManifest = async (call: Call): Promise<true> => {
  const { request, response, path, rest, options } = call
  const bytes = await request.body()
  const mediaType = request.headers['content-type'] ?? ''
  const digest = digestOf(bytes)
  if (isDigest(rest) && rest !== digest)
    return refuse(response, 400, 'DIGEST_INVALID', 'provided digest did not match uploaded content')
  const parsed = parseManifestOrIndex(bytes, mediaType)
  const { subject } = parsed.kind === 'manifest' ? parsed.manifest : parsed.index
  call.manifests.set(`${path}@${digest}`, { bytes, mediaType })
  if (!isDigest(rest)) call.tags.set(`${path}:${rest}`, digest)
  const subjectHeader = subject !== undefined && options.referrers !== false ? { 'oci-subject': subject.digest } : {}
  return end(response, 201, {
    ...location(call, `/v2/${path}/manifests/${digest}`),
    ...digestHeader(call, digest),
    ...subjectHeader,
  })
}

const manifests = async (call: Call): Promise<true> => {
  const { request, response, path, rest } = call
  if (request.method === 'PUT') return await putManifest(call)
  const digest = isDigest(rest) ? rest : call.tags.get(`${path}:${rest}`)
  const found = call.manifests.get(`${path}@${digest}`)
  if (digest === undefined || found === undefined) return refuse(response, 404, 'MANIFEST_UNKNOWN', 'manifest unknown')
  if (request.method !== 'DELETE')
    return sendBytes(call, found.bytes, { 'content-type': found.mediaType, ...digestHeader(call, digest) })
  if (!isDigest(rest)) call.tags.delete(`${path}:${rest}`)
  else {
    call.manifests.delete(`${path}@${rest}`)
    for (const [name, target] of call.tags) if (target === rest && name.startsWith(`${path}:`)) call.tags.delete(name)
  }
  return end(response, 202)
}

const listTags = (call: Call): true => {
  const { request, response, path } = call
  const all = [...call.tags.keys()].filter((name) => name.startsWith(`${path}:`)).map((name) => name.slice(path.length + 1))
  if (all.length === 0) return refuse(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry')
  const after = all.sort().filter((tag) => tag > (request.query.get('last') ?? ''))
  const page = after.slice(0, Number(request.query.get('n') ?? 100))
  const next =
    page.length < after.length ? { link: `</v2/${path}/tags/list?n=${page.length}&last=${page.at(-1)}>; rel="next"` } : {}
  return answerJson(response, 200, { name: path, tags: page }, next)
}

const listReferrers = (call: Call): true => {
  const { response, path, rest, options } = call
  if (options.referrers === false) return end(response, 404)
  const found: Descriptor[] = []
  for (const [name, { bytes, mediaType }] of call.manifests) {
    const parsed = parseManifestOrIndex(bytes, mediaType)
    const { subject, artifactType, annotations } = parsed.kind === 'manifest' ? parsed.manifest : parsed.index
    const type = artifactType ?? (parsed.kind === 'manifest' ? parsed.manifest.config.mediaType : undefined)
    if (!name.startsWith(`${path}@`) || subject?.digest !== rest) continue
    found.push({
      ...describe(bytes, mediaType),
      ...(type !== undefined && { artifactType: type }),
      ...(annotations && { annotations }),
    })
  }
  const body = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: found }
  return answerJson(response, 200, body, { 'content-type': mediaTypes.ociIndex })
}

const routes: readonly (readonly [RegExp, (call: Call) => true | Promise<true>])[] = [
  [/^\/v2\/(.+)\/blobs\/uploads\/([^/]*)$/, uploads],
  [/^\/v2\/(.+)\/blobs\/([^/]+)$/, blobs],
  [/^\/v2\/(.+)\/manifests\/([^/]+)$/, manifests],
  [/^\/v2\/(.+)\/tags\/list()$/, listTags],
  [/^\/v2\/(.+)\/referrers\/([^/]+)$/, listReferrers],
]

/** The scope that a request needs, in the token grammar. */
const scopeOf = ({ method }: PeerRequest, path: string): string =>
  `repository:${path}:${method === 'GET' || method === 'HEAD' ? 'pull' : method === 'DELETE' ? 'delete' : 'pull,push'}`

/** Starts the registry on a free port of the loopback device. */
export const startFaultyRegistry = async (options: FaultyRegistryOptions = {}): Promise<FaultyRegistry> => {
  const state: State = { blobs: new Map(), manifests: new Map(), tags: new Map(), uploads: new Map(), options }
  const peer = await startPeer(async (request, response) => {
    const found = routes
      .map(([pattern, route]) => ({ match: pattern.exec(request.path), route }))
      .find(({ match }) => match !== null)
    const [, path = '', rest = ''] = found?.match ?? []
    const challenge = options.challenge?.(request, found === undefined ? '' : scopeOf(request, path))
    if (challenge !== undefined)
      return refuse(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': challenge })
    if (request.path === '/v2/') return answerJson(response, 200, {})
    return found === undefined ? false : await found.route({ ...state, request, response, path, rest: decodeURIComponent(rest) })
  }, options)
  return {
    ...peer,
    ...state,
    addBlob: (path, bytes) => {
      const descriptor = describe(bytes, mediaTypes.ociLayer)
      state.blobs.set(`${path}@${descriptor.digest}`, Buffer.from(bytes))
      return descriptor
    },
    addManifest: (path, tag, manifest, mediaType = mediaTypes.ociManifest) => {
      const bytes = encodeJson(manifest)
      const descriptor = describe(bytes, mediaType)
      state.manifests.set(`${path}@${descriptor.digest}`, { bytes, mediaType })
      if (tag !== undefined) state.tags.set(`${path}:${tag}`, descriptor.digest)
      return descriptor
    },
  }
}
