import type { Abortable } from '../lib/bytes.ts'
import { isGantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { hasBlob } from './blobs.ts'
import { purpose, type RepositoryContext } from './context.ts'
import { sessionOf, type UploadSession } from './upload-session.ts'

/** Mounted, or the upload that the registry began instead (distribution-spec §Mounting a blob from another repository), or nothing. */
export type MountResult =
  | { readonly kind: 'mounted' }
  | { readonly kind: 'upload'; readonly session: UploadSession }
  | { readonly kind: 'none' }

const none: MountResult = { kind: 'none' }

/** Denied: we may not read there, which is no reason not to upload. */
const unlessDenied = async <T>(attempt: Promise<T>, otherwise: T): Promise<T> => {
  try {
    return await attempt
  } catch (error) {
    if (isGantryError(error, 'unauthenticated') || isGantryError(error, 'permission_denied')) return otherwise
    throw error
  }
}

/** Of several candidates the first that has the blob: a mount that misses leaves an upload behind, a look does not. */
const findOwner = async (context: RepositoryContext, { digest }: Descriptor, options: Abortable): Promise<string | undefined> => {
  if (context.mountFrom.length <= 1) return context.mountFrom[0]
  for (const from of context.mountFrom) if (await unlessDenied(hasBlob(context, digest, options, from), false)) return from
  return undefined
}

/** Tries to have a blob from another repository of the registry. */
export const mountBlob = async (context: RepositoryContext, descriptor: Descriptor, options: Abortable): Promise<MountResult> => {
  const from = await findOwner(context, descriptor, options)
  if (from === undefined) return none
  const request = context.registry.send({
    method: 'POST',
    url: `${context.path}/blobs/uploads/?mount=${encodeURIComponent(descriptor.digest)}&from=${encodeURIComponent(from)}`,
    headers: { 'content-length': '0' },
    scopes: context.write,
    path: context.path,
    accept: [200, 201, 202, 204, 400, 403, 404, 405, 501],
    purpose: purpose(context, 'push', `mount "${descriptor.digest}" in`),
    ...(options.signal && { signal: options.signal }),
  })
  const response = await unlessDenied(request, undefined)
  response?.discard()
  if (response?.status === 202) return { kind: 'upload', session: sessionOf(context, response, 0) }
  if (response === undefined || response.status >= 300) return none
  const stored = response.header('docker-content-digest')
  return stored === undefined || stored === descriptor.digest ? { kind: 'mounted' } : none
}
