import type { ByteRange, TransferOptions } from '../content/interfaces.ts'
import { verified } from '../content/verify.ts'
import type { Abortable, ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { HttpResponse } from '../lib/http/client.ts'
import { decoded, isEncoded } from '../lib/http/decoded.ts'
import { formatRange, parseContentRange } from '../lib/http/range.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { purpose, type RepositoryContext } from './context.ts'
import { isTransient } from './failure.ts'

/** Bytes after which a connection counts as working again: failures before them add up. */
const progress = 1024 * 1024
const maxFailures = 5

/** True if the repository has the blob. */
export const hasBlob = async (
  context: RepositoryContext,
  digest: Digest,
  { signal }: Abortable = {},
  path = context.path,
): Promise<boolean> => {
  const url = `${path}/blobs/${digest}`
  const common = {
    scopes: context.read,
    path: context.path,
    purpose: purpose(context, 'pull', `look for "${digest}" in`),
    ...(signal && { signal }),
  }
  const response = await context.registry.send({
    method: 'HEAD',
    url,
    accept: [200, 404, 405, 501],
    ...common,
  })
  response.discard()
  if (response.status !== 405 && response.status !== 501) return response.status === 200
  // a registry without HEAD: the first byte will do
  const first = await context.registry.send({
    method: 'GET',
    url,
    headers: { 'accept-encoding': 'identity', range: formatRange({ start: 0, end: 1 }) },
    accept: [200, 206, 404, 416],
    ...common,
  })
  first.discard()
  return first.status !== 404
}

/** The blob, or a part of it; `not_found` at once. The stream of the whole is verified, and each goes on where its connection broke. */
export const openBlob = async (
  context: RepositoryContext,
  descriptor: Descriptor,
  { signal, range, onRetry }: TransferOptions & { readonly range?: ByteRange } = {},
): Promise<ByteStream> => {
  const start = range?.start ?? 0
  const end = Math.min(range?.end ?? descriptor.size, descriptor.size)
  const part: Part = { context, descriptor, end, ...(signal && { signal }), ...(onRetry && { onRetry }) }
  if (start >= end && range !== undefined) return nothing()
  const bytes = resuming(part, start, await request(part, start))
  return range === undefined ? verified(bytes, descriptor) : bytes
}

interface Part extends TransferOptions {
  readonly context: RepositoryContext
  readonly descriptor: Descriptor
  readonly end: number
}

// oxlint-disable-next-line require-await
async function* nothing(): ByteStream {}

const sizeMismatch = ({ digest, size }: Descriptor, reason: string): GantryError =>
  new GantryError('data_loss', 'SIZE_MISMATCH', `Cannot download "${digest}": ${reason}, its descriptor says ${size}`)

interface Answer {
  readonly body: ByteStream
  /** Bytes at its beginning that were not asked for. */
  readonly skip: number
}

/** Asks for the bytes from `start` on. An answer with all the bytes is as good. */
const request = async ({ context, descriptor, end, signal, onRetry }: Part, start: number): Promise<Answer> => {
  const { digest, size } = descriptor
  const isPart = start > 0 || end < size
  const response = await context.registry.send({
    method: 'GET',
    url: `${context.path}/blobs/${digest}`,
    // a registry that packs what it sends would send other bytes than those of the digest
    headers: { 'accept-encoding': 'identity', ...(isPart && { range: formatRange({ start, end }) }) },
    scopes: context.read,
    path: context.path,
    accept: isPart ? [200, 206, 416] : [200],
    purpose: purpose(context, 'pull', `download "${digest}" from`),
    ...(signal && { signal }),
    ...(onRetry && { onRetry }),
  })
  const refuse = (reason: string): GantryError => {
    response.discard()
    return sizeMismatch(descriptor, reason)
  }
  if (response.status === 416) throw refuse(`there is nothing from byte ${start} on`)
  if (response.status === 206) {
    const content = parseContentRange(response.header('content-range'))
    if (content?.start !== start || (content.size ?? size) !== size)
      throw refuse(`the registry answered with "${response.header('content-range') ?? ''}"`)
    return { body: response.body, skip: 0 }
  }
  const length = response.header('content-length')
  if (isPacked(response, descriptor)) return { body: decoded(response), skip: start }
  if (length !== undefined && Number(length) !== size) throw refuse(`the registry has ${length} bytes`)
  return { body: response.body, skip: start }
}

/**
 * A proxy has packed it against our wish. What is packed by itself, as most layers are, comes with this header from some object
 * stores and is as it should be.
 */
const isPacked = (response: HttpResponse, { mediaType, size }: Descriptor): boolean =>
  isEncoded(response) && Number(response.header('content-length')) !== size && !/[+.](?:gzip|zstd)$/.test(mediaType)

/** Passes chunks on as they come, and asks anew from where it stopped when a connection breaks or an answer ends early. */
async function* resuming(part: Part, start: number, first: Answer): ByteStream {
  const { context, descriptor, end } = part
  // more than the whole is for verified() to refuse
  const limit = end < descriptor.size ? end : Number.POSITIVE_INFINITY
  let offset = start
  let mark = start
  let failures = 0
  for (let answer = first; ;) {
    let failure: unknown
    try {
      for await (const chunk of slice(answer, limit - offset)) {
        offset += chunk.length
        yield chunk
      }
      if (offset >= end) return
      failure = new GantryError(
        'unavailable',
        'CONNECTION_LOST',
        `Cannot download "${descriptor.digest}": it ended after ${offset} of ${end} bytes`,
      )
    } catch (error) {
      if (isTransient(error) === false) throw error
      failure = error
    }
    failures = offset - mark >= progress ? 1 : failures + 1
    mark = offset
    if (failures > maxFailures) throw failure
    const again = async (attempt: number): Promise<Answer> => {
      if (attempt === 1) throw failure
      return await request(part, offset)
    }
    answer = await context.registry.retry(again, part)
  }
}

async function* slice({ body, skip }: Answer, length: number): ByteStream {
  let drop = skip
  let left = length
  for await (const chunk of body) {
    const bytes = drop === 0 ? chunk : chunk.subarray(drop)
    drop = Math.max(0, drop - chunk.length)
    if (bytes.length > left) {
      yield bytes.subarray(0, left)
      return
    }
    left -= bytes.length
    if (bytes.length > 0) yield bytes
  }
}
