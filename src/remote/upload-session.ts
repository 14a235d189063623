import type { Abortable, ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { HttpResponse } from '../lib/http/client.ts'
import { parseUploadRange } from '../lib/http/range.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestAlgorithm, isDigest } from '../oci/digest.ts'
import { purpose, type RepositoryContext } from './context.ts'
import type { RegistryRequest } from './registry.ts'

/** An upload that the registry has begun (distribution-spec §Pushing blobs). */
export interface UploadSession {
  /** Where to go on: opaque, with a query of the registry's own, and another one after each request. */
  readonly url: URL
  /** Bytes that the registry has. */
  readonly offset: number
  /** The least that a chunk must have, but for the last. */
  readonly minChunk: number
}

/** Milliseconds: a registry may copy the whole blob to its final place before it answers. */
const commitTimeout = 600_000

/** What all requests of an upload have in common; what fails is for the upload as a whole to repeat. */
const common = (context: RepositoryContext, { digest }: Descriptor, { signal }: Abortable) =>
  ({
    scopes: context.write,
    path: context.path,
    purpose: purpose(context, 'push', `upload "${digest}" to`),
    retry: false,
    ...(signal && { signal }),
  }) satisfies Partial<RegistryRequest>

/** The session that an answer with 202 (or 204) names. */
export const sessionOf = (context: RepositoryContext, response: HttpResponse, offset: number, minChunk = 0): UploadSession => {
  const least = Number(response.header('oci-chunk-min-length') ?? 0)
  return {
    url: context.registry.locate(response.header('location'), response.url),
    offset,
    minChunk: Number.isSafeInteger(least) ? Math.max(minChunk, least) : minChunk,
  }
}

export const beginUpload = async (
  context: RepositoryContext,
  descriptor: Descriptor,
  options: Abortable,
): Promise<UploadSession> => {
  const algorithm = digestAlgorithm(descriptor.digest)
  const query = algorithm === 'sha256' ? '' : `?digest-algorithm=${algorithm}`
  const response = await context.registry.send({
    ...common(context, descriptor, options),
    method: 'POST',
    url: `${context.path}/blobs/uploads/${query}`,
    headers: { 'content-length': '0' },
    accept: [202],
  })
  response.discard()
  return sessionOf(context, response, 0)
}

/**
 * Where a broken upload stands; undefined if only a new one helps: the registry has forgotten it, does not say, or says `0-0`, which
 * stands for no byte and for one.
 */
export const resumeUpload = async (
  context: RepositoryContext,
  descriptor: Descriptor,
  session: UploadSession,
  options: Abortable,
): Promise<UploadSession | undefined> => {
  const response = await context.registry.send({
    ...common(context, descriptor, options),
    method: 'GET',
    url: session.url,
    accept: [204, 200, 202, 400, 404, 405, 410, 416],
  })
  response.discard()
  const received = parseUploadRange(response.header('range'))
  if (response.status >= 300 || received === undefined || received.start !== 0) return undefined
  if (received.end === 1 || received.end > descriptor.size) return undefined
  return response.header('location') === undefined
    ? { ...session, offset: received.end }
    : sessionOf(context, response, received.end, session.minChunk)
}

/** Tells the registry to drop an upload; that it does not want to know is no matter. */
export const cancelUpload = async (context: RepositoryContext, descriptor: Descriptor, session: UploadSession): Promise<void> => {
  try {
    const request = common(context, descriptor, { signal: AbortSignal.timeout(5000) })
    const accept = [200, 202, 204, 400, 404, 405]
    const response = await context.registry.send({ ...request, method: 'DELETE', url: session.url, accept })
    response.discard()
  } catch {
    // it expires by itself
  }
}

/** Ends an upload, with the last bytes if there are any left: `body` must have as many as the session lacks. */
export const finishUpload = async (
  context: RepositoryContext,
  descriptor: Descriptor,
  session: UploadSession,
  body: ByteStream | undefined,
  options: Abortable,
): Promise<void> => {
  const url = new URL(session.url)
  // appended by hand: searchParams would write the registry's own parameters anew
  url.search += `${url.search === '' ? '?' : '&'}digest=${descriptor.digest}`
  const { offset } = session
  const { size } = descriptor
  const response = await context.registry.send({
    ...common(context, descriptor, options),
    method: 'PUT',
    url,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(size - offset),
      ...(offset > 0 && offset < size && { 'content-range': `${offset}-${size - 1}` }),
    },
    ...(body !== undefined && size > offset && { body }),
    accept: [201, 200, 204],
    answerTimeout: commitTimeout,
  })
  response.discard()
  const stored = response.header('docker-content-digest')
  if (stored === undefined || !isDigest(stored) || digestAlgorithm(stored) !== digestAlgorithm(descriptor.digest)) return
  if (stored !== descriptor.digest)
    throw new GantryError(
      'data_loss',
      'DIGEST_MISMATCH',
      `Cannot upload "${descriptor.digest}": the registry stored it as "${stored}"`,
    )
}

/** Bytes of a blob on their way: in memory, or as a stream of a known length. */
export type UploadChunk = Uint8Array | { readonly stream: ByteStream; readonly length: number }

/**
 * Sends a chunk, or all the rest as docker does, and answers where the upload stands then (distribution-spec §Pushing a blob in
 * chunks); 416 is an error. A stream from the beginning on says no range: some registries take that for the last chunk.
 */
export const sendChunk = async (
  context: RepositoryContext,
  descriptor: Descriptor,
  session: UploadSession,
  chunk: UploadChunk,
  options: Abortable,
): Promise<UploadSession> => {
  const { offset } = session
  const { length } = chunk
  const whole = !(chunk instanceof Uint8Array) && offset === 0
  const response = await context.registry.send({
    ...common(context, descriptor, options),
    method: 'PATCH',
    url: session.url,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(length),
      ...(!whole && { 'content-range': `${offset}-${offset + length - 1}` }),
    },
    body: chunk instanceof Uint8Array ? chunk : chunk.stream,
    accept: [202, 201, 204],
    answerTimeout: commitTimeout,
  })
  response.discard()
  const end = parseUploadRange(response.header('range'))?.end ?? offset + length
  return sessionOf(context, response, end, session.minChunk)
}
