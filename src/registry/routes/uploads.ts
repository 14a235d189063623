import { GantryError } from '../../lib/errors.ts'
import { formatUploadRange, parseUploadRange } from '../../lib/http/range.ts'
import type { ByteStream } from '../../lib/bytes.ts'
import { digestAlgorithm, type Digest, type DigestAlgorithm } from '../../oci/digest.ts'
import type { Exchange } from '../exchange.ts'
import type { BlobLocator, RegistryStorage, Upload } from '../interfaces.ts'
import { digestParameter, repositoryName } from '../parameters.ts'

interface UploadParams {
  readonly name: string
  readonly id: string
}

const uploadHeaders = (name: string, { id, offset }: Upload) => ({
  // relative: a proxy in front may have another scheme, host and port
  Location: `/v2/${name}/blobs/uploads/${id}`,
  // 0-0 stands for no byte as well as for one, as everywhere
  Range: formatUploadRange({ start: 0, end: offset }),
  'Docker-Upload-UUID': id,
})

const created = (exchange: Exchange, name: string, digest: Digest): void =>
  exchange.empty(201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest })

/** POST /v2/<name>/blobs/uploads/ (distribution-spec §Pushing blobs): a mount, a whole blob, or the beginning of an upload. */
export const postUpload = async (exchange: Exchange, { name }: { readonly name: string }): Promise<void> => {
  const mount = exchange.query.get('mount')
  const digest = exchange.query.get('digest')
  if (mount !== null && (await mountBlob(exchange, name, digestParameter(mount)))) return
  if (mount === null && digest !== null) {
    await postBlob(exchange, name, digestParameter(digest))
    return
  }
  const upload = await exchange.repository(name).beginUpload({ algorithm: algorithmOf(exchange, mount) })
  const { chunkMinLength } = exchange.registry
  exchange.empty(202, {
    ...uploadHeaders(name, upload),
    ...(chunkMinLength === undefined ? {} : { 'OCI-Chunk-Min-Length': chunkMinLength }),
  })
}

const algorithmOf = (exchange: Exchange, mount: string | null): DigestAlgorithm => {
  const asked = exchange.query.get('digest-algorithm') ?? (mount === null ? 'sha256' : digestAlgorithm(digestParameter(mount)))
  if (asked === 'sha256' || asked === 'sha512') return asked
  throw new GantryError(
    'invalid_argument',
    'DIGEST_UNSUPPORTED',
    `Cannot start upload: unsupported digest algorithm "${asked.slice(0, 100)}"`,
    {
      detail: { supported: ['sha256', 'sha512'] },
    },
  )
}

const isBlobLocator = (storage: RegistryStorage): storage is RegistryStorage & BlobLocator => 'repositoriesWith' in storage

/** Answers and is true if the blob could be mounted; `from` is optional (distribution-spec §Mounting a blob from another repository). */
const mountBlob = async (exchange: Exchange, name: string, digest: Digest): Promise<boolean> => {
  const repository = exchange.repository(name)
  for await (const from of mountSources(exchange, name, digest)) {
    if (!(await exchange.mayPull(from)) || !(await repository.mount(digest, from))) continue
    exchange.emit({ kind: 'blob-mounted', repository: name, digest, from })
    created(exchange, name, digest)
    return true
  }
  return false
}

async function* mountSources(exchange: Exchange, name: string, digest: Digest): AsyncIterable<string> {
  const { storage } = exchange.registry
  const from = exchange.query.get('from')
  if (from !== null && from !== '') yield repositoryName(from)
  else if (isBlobLocator(storage)) yield* storage.repositoriesWith(digest)
  else yield name
}

/** The single POST: nobody learns the name of its upload, so it ends with the request in any case. */
const postBlob = async (exchange: Exchange, name: string, digest: Digest): Promise<void> => {
  const algorithm = digestAlgorithm(digest)
  const upload = await exchange.repository(name).beginUpload({ algorithm })
  try {
    await upload.append(exchange.body, { algorithm })
    await finish(exchange, name, upload, digest)
  } catch (error) {
    await upload.abort()
    throw error
  }
}

const finish = async (exchange: Exchange, name: string, upload: Upload, digest: Digest): Promise<void> => {
  // hashing a resumed upload takes longer than a silent connection may live
  exchange.request.setTimeout(0)
  const descriptor = await upload.commit(digest)
  exchange.emit({ kind: 'blob-pushed', repository: name, descriptor })
  created(exchange, name, digest)
}

/** Appends the body at the place that its Content-Range names, or at the end without one. Another place is 416, with headers to go on from. */
const append = async (exchange: Exchange, name: string, upload: Upload, algorithm?: DigestAlgorithm): Promise<void> => {
  const header = exchange.header('content-range')
  const length = exchange.bodyLength
  if (header === undefined) {
    if (length !== 0) await upload.append(exchange.body, algorithm === undefined ? {} : { algorithm })
    return
  }
  const range = parseUploadRange(header)
  if (range === undefined)
    throw new GantryError(
      'invalid_argument',
      'BLOB_UPLOAD_INVALID',
      `Cannot append to upload "${upload.id}": the Content-Range is malformed`,
      {
        detail: { range: header.slice(0, 100) },
        hint: 'send "<first byte>-<last byte>"',
      },
    )
  if (range.start !== upload.offset) {
    for (const [key, value] of Object.entries(uploadHeaders(name, upload))) exchange.response.setHeader(key, value)
    throw new GantryError(
      'invalid_argument',
      'BLOB_UPLOAD_RANGE',
      `Cannot append to upload "${upload.id}": the next byte is ${upload.offset}`,
      {
        detail: { offset: upload.offset },
      },
    )
  }
  const expected = range.end - range.start
  if (length !== undefined && length !== expected) throw sizeInvalid(upload, expected)
  await upload.append(exactly(exchange.body, expected, upload), algorithm === undefined ? {} : { algorithm })
}

const sizeInvalid = (upload: Upload, expected: number): GantryError =>
  new GantryError(
    'invalid_argument',
    'SIZE_INVALID',
    `Cannot append to upload "${upload.id}": the body is not the ${expected} bytes of its Content-Range`,
  )

async function* exactly(stream: ByteStream, expected: number, upload: Upload): ByteStream {
  let left = expected
  for await (const chunk of stream) {
    if (chunk.length > left) throw sizeInvalid(upload, expected)
    left -= chunk.length
    yield chunk
  }
  if (left > 0) throw sizeInvalid(upload, expected)
}

/** PATCH of an upload (distribution-spec §Pushing a blob in chunks); docker sends one without Content-Range. */
export const patchUpload = async (exchange: Exchange, { name, id }: UploadParams): Promise<void> => {
  const upload = await exchange.repository(name).resumeUpload(id)
  await append(exchange, name, upload)
  exchange.empty(202, uploadHeaders(name, upload))
}

/** PUT of an upload: the last bytes, or the whole blob, and the end. */
export const putUpload = async (exchange: Exchange, { name, id }: UploadParams): Promise<void> => {
  const digest = exchange.query.get('digest')
  if (digest === null)
    throw new GantryError('invalid_argument', 'DIGEST_INVALID', `Cannot end upload "${id}": the digest parameter is missing`)
  const expected = digestParameter(digest)
  const upload = await exchange.repository(name).resumeUpload(id)
  await append(exchange, name, upload, digestAlgorithm(expected))
  await finish(exchange, name, upload, expected)
}

/** GET of an upload: how far it is. */
export const getUpload = async (exchange: Exchange, { name, id }: UploadParams): Promise<void> => {
  const upload = await exchange.repository(name).resumeUpload(id)
  exchange.head(204, uploadHeaders(name, upload)).end()
}

/** DELETE of an upload (distribution-spec §Cancel a blob upload). */
export const deleteUpload = async (exchange: Exchange, { name, id }: UploadParams): Promise<void> => {
  const upload = await exchange.repository(name).resumeUpload(id)
  await upload.abort()
  exchange.head(204).end()
}
