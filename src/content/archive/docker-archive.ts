import { archiveHeadSize } from '../../lib/archive-compression.ts'
import { detectCodec } from '../../lib/compression.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { createDigester, digestOf, isDigest, type Digest, type DiffId } from '../../oci/digest.ts'
import { configLimit, parseImageConfig } from '../../oci/image-config.ts'
import { describe } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { layoutEntry, type LayoutEntry } from '../layout-index.ts'
import { encodeManifest } from '../mutate.ts'
import { readDockerManifest, type DockerArchiveImage } from './docker-manifest.ts'
import type { ArchiveContents } from './tar-archive.ts'
import type { TarFile, TarFiles } from './tar-files.ts'

/**
 * The archive of `docker save` before 25, of `podman save` and of `skopeo copy … docker-archive:`: configs and uncompressed layers, no
 * manifests and no digests of blobs. A layer's digest is the diffId that the config promises, and is verified when the layer is read;
 * only layers that are compressed all the same are hashed here. The manifests are made up, in OCI's types.
 */
export const readDockerArchive = async (files: TarFiles): Promise<ArchiveContents> => {
  const contents = new Contents(files)
  const entries: LayoutEntry[] = []
  for (const image of readDockerManifest(files)) {
    const descriptor = await contents.add(image)
    const names = image.names.length === 0 ? [undefined] : image.names
    entries.push(...names.map((name) => layoutEntry(descriptor, name)))
  }
  return { place: (digest) => contents.places.get(digest), manifests: contents.manifests, entries }
}

const incomplete = (image: DockerArchiveImage, reason: string): GantryError =>
  new GantryError('invalid_argument', 'ARCHIVE_INCOMPLETE', `Cannot read image "${image.config}" of the archive: ${reason}`)

/** What the archive holds, by digest: files where they stand, and the manifests that were made up. */
class Contents {
  readonly #files: TarFiles
  readonly places = new Map<Digest, TarFile>()
  readonly manifests = new Map<Digest, Buffer>()
  /** Digests of compressed layers, which several images may share, by place. */
  readonly #hashed = new Map<number, Digest>()

  constructor(files: TarFiles) {
    this.#files = files
  }

  async add(image: DockerArchiveImage): Promise<Descriptor> {
    const file = this.#files.need(image.config)
    const bytes = this.#files.read(file, configLimit)
    const diffIds = parseImageConfig(bytes).rootfs.diff_ids
    if (diffIds.length !== image.layers.length)
      throw incomplete(image, `it lists ${image.layers.length} layers, its config ${diffIds.length}`)
    const config = describe(bytes, mediaTypes.ociConfig)
    this.places.set(config.digest, file)
    const layers: Descriptor[] = []
    for (const [index, diffId] of diffIds.entries()) layers.push(await this.#layer(image.layers[index] ?? '', diffId))
    const manifest = encodeManifest({ config, layers })
    this.manifests.set(digestOf(manifest), manifest)
    return describe(manifest, mediaTypes.ociManifest)
  }

  async #layer(path: string, diffId: DiffId): Promise<Descriptor> {
    const file = this.#files.need(path)
    const codec = detectCodec(this.#files.read({ ...file, size: Math.min(file.size, archiveHeadSize) }, archiveHeadSize))
    const digest = codec === undefined ? diffId : await this.#hash(path, file)
    this.places.set(digest, file)
    const types = { gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd }
    return { mediaType: codec === undefined ? mediaTypes.ociLayer : types[codec], digest, size: file.size }
  }

  async #hash(path: string, file: TarFile): Promise<Digest> {
    // the path of a blob is its digest, which is verified when it is read
    const promised = path.replace(/^blobs\/(\w+)\//, '$1:')
    if (isDigest(promised)) return promised
    const known = this.#hashed.get(file.offset)
    if (known !== undefined) return known
    const digester = createDigester()
    for await (const chunk of this.#files.stream(file)) digester.update(chunk)
    const digest = digester.digest()
    this.#hashed.set(file.offset, digest)
    return digest
  }
}
