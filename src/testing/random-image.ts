import { streamOf, type ByteStream } from '../lib/bytes.ts'
import { compress } from '../lib/compression.ts'
import { createImage, type ImageTypes, type NewLayer } from '../content/mutate.ts'
import type { ContentSink } from '../content/interfaces.ts'
import { collect } from '../lib/bytes.ts'
import { writeTar, type TarInput } from '../lib/tar/writer.ts'
import type { Descriptor, Platform } from '../oci/descriptor.ts'
import { digestOf, type Digest } from '../oci/digest.ts'
import { describe, emptyDescriptor, encodeJson } from '../oci/manifest.ts'
import { mediaTypes, type Compression } from '../oci/media-type.ts'

/** Numbers from 0 to below 1 that only depend on the seed (mulberry32). */
export const createRandom = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Bytes that only depend on the seed and do not compress. */
export const randomBytes = (seed: number, size: number): Buffer => {
  const random = createRandom(seed)
  const bytes = Buffer.allocUnsafe(Math.ceil(size / 4) * 4)
  for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(Math.floor(random() * 2 ** 32), at)
  return bytes.subarray(0, size)
}

/** The bytes in chunks of at most `size`. */
export const chunksOf = (bytes: Uint8Array, size: number): ByteStream =>
  streamOf(
    ...Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size)),
  )

export interface RandomImageOptions {
  /** The same seed and options give the same image. Default 1. */
  readonly seed?: number
  /** Default 3. */
  readonly layers?: number
  /** Files of each layer, besides two folders, a symlink and a hard link. Default 5. */
  readonly files?: number
  /** Most bytes of a file. Default 2000. */
  readonly fileSize?: number
  /** Default gzip. */
  readonly compression?: Compression
  /** Default `oci`. */
  readonly mediaTypes?: ImageTypes
  /** Default linux/amd64. */
  readonly platform?: Platform
}

const owner = { uid: 0, gid: 0, mtime: { seconds: 1_700_000_000, nanoseconds: 0 } } as const

/** The uncompressed tar of a layer; entries of layer n lie below `layer-n/`, so that no layer hides what another has. */
const randomTar = async (seed: number, folder: string, { files = 5, fileSize = 2000 }: RandomImageOptions): Promise<Buffer> => {
  const random = createRandom(seed)
  const entries: TarInput[] = [
    { name: folder, kind: 'folder', mode: 0o755, size: 0, ...owner },
    { name: `${folder}/sub`, kind: 'folder', mode: 0o700, size: 0, ...owner },
  ]
  for (let index = 0; index < files; index++) {
    const bytes = randomBytes(seed + index, Math.floor(random() * fileSize) + 1)
    const name = `${folder}/${index % 2 === 0 ? '' : 'sub/'}file-${index}`
    entries.push({ name, kind: 'file', mode: 0o644, size: bytes.length, body: streamOf(bytes), ...owner })
  }
  entries.push({ name: `${folder}/link`, kind: 'symlink', mode: 0o777, size: 0, linkName: 'file-0', ...owner })
  if (files > 0)
    entries.push({ name: `${folder}/same`, kind: 'hardlink', mode: 0o644, size: 0, linkName: `${folder}/file-0`, ...owner })
  return await collect(writeTar(entries), 2 ** 30)
}

const layerTypes: Readonly<Record<ImageTypes, Readonly<Record<Compression, string>>>> = {
  oci: { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd },
  docker: {
    none: mediaTypes.dockerLayer,
    gzip: mediaTypes.dockerLayerGzip,
    zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  },
}

const randomLayer = async (sink: ContentSink, seed: number, index: number, options: RandomImageOptions): Promise<NewLayer> => {
  const { compression = 'gzip', mediaTypes: family = 'oci' } = options
  const tar = await randomTar(seed, `layer-${index}`, options)
  const blob = compression === 'none' ? tar : await collect(compress(streamOf(tar), compression), 2 ** 30)
  const descriptor = describe(blob, layerTypes[family][compression])
  await sink.write(descriptor, streamOf(blob))
  return { descriptor, diffId: digestOf(tar), history: { created_by: `layer ${index}` } }
}

/** Writes an image of random files, and answers its manifest. */
export const randomImage = async (sink: ContentSink, options: RandomImageOptions = {}): Promise<Descriptor> => {
  const { seed = 1, layers = 3, platform = { os: 'linux', architecture: 'amd64' }, mediaTypes: family = 'oci' } = options
  const made: NewLayer[] = []
  for (let index = 0; index < layers; index++) made.push(await randomLayer(sink, seed * 1000 + index, index, options))
  return await createImage(sink, {
    config: {
      ...platform,
      created: '2024-01-02T03:04:05Z',
      config: { Env: ['PATH=/bin', `SEED=${seed}`], Cmd: ['/file-0'] },
      rootfs: { type: 'layers', diff_ids: [] },
    },
    layers: made,
    mediaTypes: family,
  })
}

export interface RandomIndexOptions extends RandomImageOptions {
  /** Default linux/amd64, linux/arm64 and linux/arm/v7. */
  readonly platforms?: readonly Platform[]
  /** Adds an attestation of the first image, as BuildKit does. */
  readonly attestation?: boolean
}

const defaultPlatforms: readonly Platform[] = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64' },
  { os: 'linux', architecture: 'arm', variant: 'v7' },
]

/** Writes an index of one random image for each platform, and answers the index. */
export const randomIndex = async (sink: ContentSink, options: RandomIndexOptions = {}): Promise<Descriptor> => {
  const { platforms = defaultPlatforms, seed = 1, mediaTypes: family = 'oci' } = options
  const manifests: Descriptor[] = []
  for (const [index, platform] of platforms.entries())
    manifests.push({ ...(await randomImage(sink, { ...options, seed: seed * 100 + index, platform })), platform })
  const [first] = manifests
  if (options.attestation === true && first !== undefined) manifests.push(await attestationOf(sink, first.digest))
  const mediaType = family === 'oci' ? mediaTypes.ociIndex : mediaTypes.dockerList
  const bytes = encodeJson({ schemaVersion: 2, mediaType, manifests })
  const descriptor = describe(bytes, mediaType)
  await sink.write(descriptor, streamOf(bytes))
  return descriptor
}

const attestationOf = async (sink: ContentSink, subject: Digest): Promise<Descriptor> => {
  const statement = encodeJson({ _type: 'https://in-toto.io/Statement/v0.1', subject: [] })
  const layer = describe(statement, 'application/vnd.in-toto+json')
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: emptyDescriptor,
    layers: [layer],
  })
  const descriptor = describe(bytes, mediaTypes.ociManifest)
  await sink.write(emptyDescriptor, streamOf(encodeJson({})))
  await sink.write(layer, streamOf(statement))
  await sink.write(descriptor, streamOf(bytes))
  return {
    ...descriptor,
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': subject },
  }
}
