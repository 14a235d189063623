import { createReadStream } from 'node:fs'
import { createImage } from '../../content/mutate.ts'
import { applyChanges } from '../../build/plan/apply-changes.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { decompressDetected } from '../../lib/archive-compression.ts'
import { GantryError, messageOf, systemCode } from '../../lib/errors.ts'
import { redactUrl } from '../../lib/http/redact.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image-config.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { nameImage } from './names.ts'

export interface ImportOptions extends Abortable {
  readonly name?: string
  /** Dockerfile instructions that set the image's config. */
  readonly changes?: readonly string[]
  readonly message?: string
  readonly platform?: string
}

/** Makes an image of one layer from a tar of a root file system, compressed or not: a file, a URL, a stream. Answers the image ID. */
export const importImage = async (engine: Engine, source: string | ByteStream, options: ImportOptions = {}): Promise<Digest> => {
  const name = options.name === undefined ? undefined : formatReference(withDefaultTag(parseReference(options.name)))
  const empty = emptyConfig(engine, options)
  const config: ImageConfig = { ...empty, config: await applyChanges({}, options.changes ?? [], empty) }
  const store = await engine.content()
  await using _lease = await store.lease()
  const layers = await engine.layers()
  const info = await layers.create(await decompressDetected(await openSource(engine, source, options)), options)
  const descriptor = { mediaType: mediaTypes.ociLayer, digest: info.diffId, size: info.tarSize }
  const file = await layers.tarFile(info.diffId)
  if (file === undefined) await store.write(descriptor, (await layers.open(info.diffId)).tar(), options)
  else await store.link(descriptor, file)
  const history = {
    ...(config.created === undefined ? {} : { created: config.created }),
    // docker names a URL, and of a file says nothing: where it lay is nobody else's business
    comment: options.message ?? `Imported from ${isUrl(source) ? redactUrl(new URL(source)) : '-'}`,
  }
  const target = await createImage(store, { config, layers: [{ descriptor, diffId: info.diffId, history }] })
  await nameImage(store, name ?? target.digest, target)
  const { readImage } = await import('../../content/image.ts')
  return (await readImage(store, target)).manifest.config.digest
}

const emptyConfig = (engine: Engine, options: ImportOptions): ImageConfig => {
  const host = engine.options.platform
  const platform = options.platform === undefined ? host : parsePlatform(options.platform, host)
  return {
    created: engine.options.now().toISOString(),
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    rootfs: { type: 'layers', diff_ids: [] },
  }
}

/** True for a source that is to be downloaded. */
export const isUrl = (source: string | ByteStream): source is string =>
  typeof source === 'string' && /^https?:\/\//.test(source) && URL.canParse(source)

const openSource = async (engine: Engine, source: string | ByteStream, options: Abortable): Promise<ByteStream> => {
  if (typeof source !== 'string') return source
  if (!isUrl(source)) return readFileStream(source)
  const { download } = await import('../../remote/download.ts')
  const { environment, tlsVerify, userAgent } = engine.options
  return download(source, {
    environment,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(tlsVerify === undefined ? {} : { tlsVerify }),
    ...(userAgent === undefined ? {} : { userAgent }),
  })
}

async function* readFileStream(path: string): ByteStream {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>
  } catch (cause) {
    const kind = systemCode(cause) === 'ENOENT' ? 'not_found' : 'invalid_argument'
    throw new GantryError(kind, 'READ_FAILED', `Cannot read "${path}": ${messageOf(cause)}`, { cause })
  }
}
