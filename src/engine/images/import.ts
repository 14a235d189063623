import { createReadStream } from 'node:fs'
import { createImage } from '../../content/mutate.ts'
import { applyChanges } from '../../build/changes.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { detectCompression, decompress } from '../../lib/compression.ts'
import { GantryError, systemCode } from '../../lib/errors.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image-config.ts'
import { encodeJson } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { streamOf } from '../../lib/bytes.ts'
import type { Engine } from '../engine.ts'

export interface ImportOptions extends Abortable {
  readonly name?: string
  /** Dockerfile instructions that set the image's config. */
  readonly changes?: readonly string[]
  readonly message?: string
  readonly platform?: string
}

/** Makes an image of one layer from a tar of a root file system, compressed or not. Answers the image ID. */
export const importImage = async (engine: Engine, source: string | ByteStream, options: ImportOptions = {}): Promise<Digest> => {
  const name = options.name === undefined ? undefined : formatReference(withDefaultTag(parseReference(options.name)))
  const platform =
    options.platform === undefined ? engine.options.platform : parsePlatform(options.platform, engine.options.platform)
  const store = await engine.content()
  await using _lease = await store.lease()
  const layers = await engine.layers()
  const { compression, stream } = await detectCompression(typeof source === 'string' ? readFileStream(source) : source)
  const info = await layers.create(decompress(stream, compression), options)
  const layer = { mediaType: mediaTypes.ociLayer, digest: info.diffId, size: info.tarSize }
  const file = await layers.tarFile(info.diffId)
  if (file === undefined) await store.write(layer, (await layers.open(info.diffId)).tar(), options)
  else await store.link(layer, file)
  const created = engine.options.now().toISOString()
  const config: ImageConfig = applyChanges(
    {
      created,
      architecture: platform.architecture,
      os: platform.os,
      ...(platform.variant === undefined ? {} : { variant: platform.variant }),
      config: {},
      rootfs: { type: 'layers', diff_ids: [info.diffId] },
      history: [
        { created, created_by: '', comment: options.message ?? `Imported from ${typeof source === 'string' ? source : '-'}` },
      ],
    },
    options.changes ?? [],
  )
  const configDescriptor = await store.ingest(streamOf(encodeJson(config)), mediaTypes.ociConfig, options)
  const target = await createImage(store, { config: configDescriptor, layers: [layer] })
  await store.tag(name ?? target.digest, target)
  await layers.prepare([info.diffId])
  return configDescriptor.digest
}

async function* readFileStream(path: string): ByteStream {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Uint8Array>
  } catch (cause) {
    throw new GantryError(
      systemCode(cause) === 'ENOENT' ? 'not_found' : 'invalid_argument',
      'READ_FAILED',
      `Cannot read "${path}": ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    )
  }
}
