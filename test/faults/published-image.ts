import { createRegistryClient } from '../../src/remote/client.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { isDigest, type Digest } from '../../src/oci/digest.ts'
import { parseManifest } from '../../src/oci/manifest.ts'
import { startFaultyRegistry, type FaultyRegistry } from '../../src/testing/faulty-registry.ts'
import { randomImage } from '../../src/testing/random-image.ts'

/** A GET of a blob. */
export interface BlobRequest {
  readonly digest: Digest
  readonly range: string | undefined
}

/** An image in a registry of this process. */
export interface PublishedImage extends AsyncDisposable {
  readonly registry: FaultyRegistry
  /** The reference to pull. */
  readonly name: string
  /** Config and layers. */
  readonly blobs: readonly Descriptor[]
}

/** The blobs that were asked for, all or by one client. */
export const blobRequests = (registry: FaultyRegistry, userAgent?: string): readonly BlobRequest[] =>
  registry.requests.flatMap(({ method, path, headers }) => {
    if (userAgent !== undefined && headers['user-agent'] !== userAgent) return []
    const digest = decodeURIComponent(path.slice(path.lastIndexOf('/') + 1))
    return method === 'GET' && path.includes('/blobs/') && isDigest(digest) ? [{ digest, range: headers.range }] : []
  })

export interface PublishOptions {
  readonly layers: number
  /** Files of up to 400 kB, so that layers are larger than what is gathered in memory. */
  readonly large?: boolean
  readonly seed?: number
}

/** Starts a registry on loopback with a random image `team/app:1` in it. */
export const publishImage = async ({ layers, large = false, seed = 1 }: PublishOptions): Promise<PublishedImage> => {
  const registry = await startFaultyRegistry()
  using client = createRegistryClient({ certificateFolders: [] })
  const repository = client.repository({ domain: registry.host, path: 'team/app' }, { mountFrom: [] })
  const target = await randomImage(repository, { layers, seed, files: large ? 12 : 2, fileSize: large ? 400_000 : 500 })
  await repository.tag('1', target)
  const { bytes } = await repository.manifest(target.digest)
  const manifest = parseManifest(bytes)
  return {
    registry,
    name: `${registry.host}/team/app:1`,
    blobs: [manifest.config, ...manifest.layers],
    [Symbol.asyncDispose]: async () => await registry[Symbol.asyncDispose](),
  }
}
