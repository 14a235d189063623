import type { TransferOptions } from '../content/interfaces.ts'
import { verified } from '../content/verify.ts'
import { collect } from '../lib/bytes.ts'
import { isGantryError, GantryError } from '../lib/errors.ts'
import { humanSize } from '../lib/human-size.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { hasBlob } from './blobs.ts'
import type { RepositoryContext } from './context.ts'
import type { UploadClaim } from './upload-journal.ts'
import { cancelUpload, type UploadSession } from './upload-session.ts'
import { streamedSize, Upload, type UploadSource } from './upload.ts'

export type { UploadSource } from './upload.ts'

export interface UploadBlobOptions extends TransferOptions {
  /** An upload that the registry has begun already. */
  readonly session?: UploadSession
}

/**
 * Uploads a blob: a small one in one request, a large one as a stream whose bytes count once they have arrived, or in chunks where
 * that is too large (413). What breaks goes on from where the registry says that it stopped, or from the beginning; a large blob that
 * can be read again also in a later process, by the journal. An upload that nobody will go on with is cancelled.
 */
export const uploadBlob = async (
  context: RepositoryContext,
  descriptor: Descriptor,
  source: UploadSource,
  options: UploadBlobOptions = {},
): Promise<void> => {
  const { registry, path } = context
  const { digest, size } = descriptor
  if (size === 0) await collect(verified(await source.open(0), descriptor), 0)
  if (registry.uploads === undefined || source.once || size <= streamedSize)
    return await run(context, descriptor, new Upload(context, descriptor, source, options), options)
  await using claim = await registry.uploads.claim({ domain: registry.domain, path, digest }, options).catch((error: unknown) => {
    // a disk that is full or may not be written to is no reason not to upload
    if (isGantryError(error, 'canceled')) throw error
    return undefined
  })
  if (claim?.waited === true && (await hasBlob(context, digest, options))) {
    if (options.session !== undefined) await cancelUpload(context, descriptor, options.session)
    await claim.clear()
    return
  }
  await run(context, descriptor, new Upload(context, descriptor, source, { ...options, ...(claim && { claim }) }), options, claim)
}

/** Failures after which the same upload may go on later. */
const isPassing = (error: unknown): boolean =>
  isGantryError(error) && ['unavailable', 'canceled', 'resource_exhausted', 'unauthenticated'].includes(error.kind)

const run = async (
  context: RepositoryContext,
  descriptor: Descriptor,
  upload: Upload,
  options: TransferOptions,
  claim?: UploadClaim,
): Promise<void> => {
  try {
    await context.registry.retry(async () => await upload.attempt(), {
      ...(options.signal && { signal: options.signal }),
      ...(options.onRetry && { onRetry: options.onRetry }),
      retryable: (error) => upload.repeatable(error),
      progressed: () => upload.progressed(),
    })
    await claim?.clear()
  } catch (error) {
    if (claim !== undefined && isPassing(error)) throw withSent(error, descriptor, upload.sent)
    await upload.cancel()
    await claim?.clear()
    throw error
  }
}

/** The error with what has been sent of the blob, so that nobody is afraid to try again. */
const withSent = (error: unknown, { size }: Descriptor, sent: number): unknown => {
  if (!isGantryError(error) || sent === 0) return error
  const kept = `${humanSize(sent, 4)} of ${humanSize(size, 4)} have been sent: the next push goes on from what the registry has kept`
  const { kind, code, message, detail, hint } = error
  return new GantryError(kind, code, message, {
    cause: error,
    hint: hint === undefined ? kept : `${hint}; ${kept}`,
    ...(detail !== undefined && { detail }),
  })
}
