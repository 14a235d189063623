import { pipeline } from 'node:stream/promises'
import { GantryError } from '../../lib/errors.ts'
import { formatContentRange, parseRange, type ByteSpan } from '../../lib/http/range.ts'
import { matchesEntityTag } from '../../lib/http/server-request.ts'
import type { Digest } from '../../oci/digest.ts'
import type { Exchange } from '../exchange.ts'
import type { FileBackedRepository, RegistryRepository } from '../interfaces.ts'

interface BlobParams {
  readonly name: string
  readonly digest: Digest
}

const blobUnknown = ({ name, digest }: BlobParams): GantryError =>
  new GantryError('not_found', 'BLOB_UNKNOWN', `Cannot find blob "${digest}": repository "${name}" does not have it`, {
    detail: { digest },
  })

// what a digest names never changes
const blobHeaders = (digest: Digest) => ({
  'Docker-Content-Digest': digest,
  ETag: `"${digest}"`,
  'Accept-Ranges': 'bytes',
  'Cache-Control': 'max-age=31536000, immutable',
})

const isFileBacked = (repository: RegistryRepository): repository is RegistryRepository & FileBackedRepository =>
  'openBlobFile' in repository

/** HEAD /v2/<name>/blobs/<digest> (distribution-spec §Checking if content exists in the registry). */
export const headBlob = async (exchange: Exchange, params: BlobParams): Promise<void> => {
  const blob = await exchange.repository(params.name).blob(params.digest)
  if (blob === undefined) throw blobUnknown(params)
  exchange
    .head(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': blob.size, ...blobHeaders(params.digest) })
    .end()
}

/** GET /v2/<name>/blobs/<digest> (distribution-spec §Pulling blobs), with ranges (RFC 9110 §14) and conditions (§13). */
export const getBlob = async (exchange: Exchange, params: BlobParams): Promise<void> => {
  const { name, digest } = params
  const repository = exchange.repository(name)
  const span = isFileBacked(repository)
    ? await sendFile(exchange, params, repository)
    : await sendStream(exchange, params, repository)
  if (span !== undefined) exchange.emit({ kind: 'blob-pulled', repository: name, digest })
}

const sendFile = async (
  exchange: Exchange,
  params: BlobParams,
  repository: FileBackedRepository,
): Promise<ByteSpan | undefined> => {
  const file = await repository.openBlobFile(params.digest)
  if (file === undefined) throw blobUnknown(params)
  try {
    const span = startBlob(exchange, params.digest, file.size)
    if (span !== undefined) await exchange.registry.sender.send(exchange.response, file.handle, span)
    return span
  } finally {
    await file.handle.close()
  }
}

const sendStream = async (
  exchange: Exchange,
  params: BlobParams,
  repository: RegistryRepository,
): Promise<ByteSpan | undefined> => {
  const blob = await repository.blob(params.digest)
  if (blob === undefined) throw blobUnknown(params)
  const span = startBlob(exchange, params.digest, blob.size)
  if (span !== undefined) await pipeline(await repository.openBlob(params.digest, span), exchange.response)
  return span
}

/** Sends the headers and answers which bytes follow; undefined if the answer is complete. */
const startBlob = (exchange: Exchange, digest: Digest, size: number): ByteSpan | undefined => {
  const headers = { 'Content-Type': 'application/octet-stream', ...blobHeaders(digest) }
  const tag = headers.ETag
  if (matchesEntityTag(exchange.header('if-none-match'), tag)) {
    exchange.head(304, blobHeaders(digest)).end()
    return undefined
  }
  const condition = exchange.header('if-range')
  const range = parseRange(condition === undefined || condition === tag ? exchange.header('range') : undefined, size)
  switch (range.kind) {
    case 'whole':
      exchange.head(200, { ...headers, 'Content-Length': size })
      return { start: 0, end: size }
    case 'part':
      exchange.head(206, {
        ...headers,
        'Content-Length': range.end - range.start,
        'Content-Range': formatContentRange(range, size),
      })
      return range
    case 'unsatisfiable':
      exchange.response.setHeader('Content-Range', formatContentRange(undefined, size))
      throw new GantryError('invalid_argument', 'RANGE_UNSATISFIABLE', `Cannot send blob "${digest}": it has no such range`, {
        detail: { size },
      })
  }
}

/** DELETE /v2/<name>/blobs/<digest> (distribution-spec §Deleting Blobs): the blob is no longer visible in this repository. */
export const deleteBlob = async (exchange: Exchange, params: BlobParams): Promise<void> => {
  const { name, digest } = params
  if (!(await exchange.repository(name).deleteBlob(digest))) throw blobUnknown(params)
  exchange.emit({ kind: 'blob-deleted', repository: name, digest })
  exchange.empty(202)
}
