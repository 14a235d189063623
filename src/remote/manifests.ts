import { verifyBytes } from '../content/verify.ts'
import { collect, type Abortable } from '../lib/bytes.ts'
import { GantryError, messageOf } from '../lib/errors.ts'
import type { HttpResponse } from '../lib/http/client.ts'
import { decoded, isEncoded } from '../lib/http/decoded.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestAlgorithm, digestOf, isDigest, type Digest } from '../oci/digest.ts'
import { manifestLimit, parseManifestOrIndex } from '../oci/manifest.ts'
import { isIndexType, isManifestType, mediaTypes } from '../oci/media-type.ts'
import { manifestPurpose, type RepositoryContext } from './context.ts'
import { answerDetail } from './failure.ts'
import type { RawManifest } from './interfaces.ts'

/**
 * Every type with every request, else a registry converts or says that there is none. Schema 1 too: what is only there in that form
 * is to be refused in so many words.
 */
export const acceptedManifests = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerList,
  mediaTypes.dockerManifest,
  mediaTypes.dockerSchema1Signed,
  mediaTypes.dockerSchema1,
].join(', ')

const digestHeader = (response: HttpResponse): Digest | undefined => {
  const text = response.header('docker-content-digest')
  return text !== undefined && isDigest(text) ? text : undefined
}

const urlOf = ({ path }: RepositoryContext, reference: string): string => `${path}/manifests/${reference}`

const wrongDigest = (what: string, expected: Digest, actual: Digest): GantryError =>
  new GantryError(
    'data_loss',
    'DIGEST_MISMATCH',
    `Cannot ${what}: the registry answered with digest "${actual}" instead of "${expected}"`,
    {
      detail: { expected, actual },
    },
  )

/** What HEAD tells, which does not count against pull limits. Where that is not all, GET has to be asked. */
export type HeadResult =
  | { readonly kind: 'found'; readonly descriptor: Descriptor; readonly modified?: Date }
  | { readonly kind: 'absent' }
  /** No Docker-Content-Digest, no known Content-Type, HEAD not supported. */
  | { readonly kind: 'unclear' }

export const headManifest = async (
  context: RepositoryContext,
  reference: string,
  { signal }: Abortable = {},
): Promise<HeadResult> => {
  const purpose = manifestPurpose(context, 'pull', reference)
  const response = await context.registry.send({
    method: 'HEAD',
    url: urlOf(context, reference),
    headers: { accept: acceptedManifests },
    scopes: context.read,
    path: context.path,
    accept: [200, 400, 403, 404, 405, 406, 501],
    purpose,
    ...(signal && { signal }),
  })
  response.discard()
  const digest = digestHeader(response)
  const mediaType = response.header('content-type')?.split(';', 1)[0]?.trim() ?? ''
  const size = Number(response.header('content-length') ?? Number.NaN)
  if (response.status === 404) return { kind: 'absent' }
  // of what is packed the length is another one
  if (response.status !== 200 || digest === undefined || isEncoded(response)) return { kind: 'unclear' }
  if (isDigest(reference) && digestAlgorithm(reference) === digestAlgorithm(digest) && digest !== reference)
    throw wrongDigest(purpose.what, reference, digest)
  if (!(isManifestType(mediaType) || isIndexType(mediaType)) || !(size > 0 && size <= manifestLimit)) return { kind: 'unclear' }
  const modified = new Date(response.header('last-modified') ?? '')
  return {
    kind: 'found',
    descriptor: { mediaType, digest: isDigest(reference) ? reference : digest, size },
    ...(Number.isNaN(modified.getTime()) ? {} : { modified }),
  }
}

/** The manifest, verified: against the reference if that is a digest, else against what the registry says. Undefined if there is none. */
export const findManifest = async (
  context: RepositoryContext,
  reference: string,
  { signal }: Abortable = {},
): Promise<RawManifest | undefined> => {
  try {
    return await getManifest(context, reference, signal && { signal })
  } catch (error) {
    if (answerDetail(error).status === 404) return undefined
    throw error
  }
}

/** As findManifest(), with `not_found` and the registry's words if there is none. */
export const getManifest = async (
  context: RepositoryContext,
  reference: string,
  { signal }: Abortable = {},
): Promise<RawManifest> => {
  const purpose = manifestPurpose(context, 'pull', reference)
  const response = await context.registry.send({
    method: 'GET',
    url: urlOf(context, reference),
    headers: { accept: acceptedManifests },
    scopes: context.read,
    path: context.path,
    accept: [200],
    purpose,
    ...(signal && { signal }),
  })
  const bytes = await collect(decoded(response), manifestLimit, `the manifest of "${purpose.manifest}"`)
  const expected = isDigest(reference) ? reference : digestHeader(response)
  const digest = digestOf(bytes, expected && digestAlgorithm(expected))
  if (expected !== undefined && digest !== expected) throw wrongDigest(purpose.what, expected, digest)
  return { descriptor: { mediaType: typeOf(bytes, response, purpose.what), digest, size: bytes.length }, bytes }
}

const typeOf = (bytes: Buffer, response: HttpResponse, what: string): string => {
  const contentType = response.header('content-type')
  try {
    return parseManifestOrIndex(bytes, contentType).mediaType
  } catch (error) {
    if (!(error instanceof GantryError)) throw error
    const hint =
      contentType?.includes('html') === true ? `is "${response.url.host}" a registry? It answered with a web page` : error.hint
    throw new GantryError(error.kind, error.code, `Cannot ${what}: ${messageOf(error)}`, {
      cause: error,
      ...(hint !== undefined && { hint }),
    })
  }
}

/** Stores a manifest under its digest or a tag. True if the registry lists it as a referrer of its subject (OCI-Subject). */
export const putManifest = async (
  context: RepositoryContext,
  reference: string,
  { descriptor, bytes }: RawManifest,
  { signal }: Abortable = {},
): Promise<boolean> => {
  verifyBytes(bytes, descriptor)
  const purpose = manifestPurpose(context, 'push', reference)
  const response = await context.registry.send({
    method: 'PUT',
    url: urlOf(context, reference),
    headers: { 'content-type': descriptor.mediaType, 'content-length': String(bytes.length) },
    body: bytes,
    scopes: context.write,
    path: context.path,
    accept: [200, 201, 202],
    purpose,
    ...(signal && { signal }),
  })
  response.discard()
  const stored = digestHeader(response)
  if (stored !== undefined && digestAlgorithm(stored) === digestAlgorithm(descriptor.digest) && stored !== descriptor.digest)
    throw wrongDigest(purpose.what, descriptor.digest, stored)
  return response.header('oci-subject') !== undefined
}

/** Deletes a manifest by digest, or a tag; false if there was none. */
export const removeManifest = async (
  context: RepositoryContext,
  reference: string,
  { signal }: Abortable = {},
): Promise<boolean> => {
  const response = await context.registry.send({
    method: 'DELETE',
    url: urlOf(context, reference),
    scopes: { needed: [`repository:${context.path}:delete`, ...context.write.needed] },
    path: context.path,
    accept: [200, 202, 204, 404],
    purpose: manifestPurpose(context, 'delete', reference),
    ...(signal && { signal }),
  })
  response.discard()
  return response.status !== 404
}
