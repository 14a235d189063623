import { mapConcurrent } from '../lib/concurrency.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { ParsedManifest } from '../oci/manifest.ts'
import { isNonDistributable } from '../oci/media-type.ts'
import type { RegistryRepository } from './interfaces.ts'

/** Lookups at once for one manifest: it may name thousands. */
const concurrency = 8

/** Layers that live elsewhere need not be here. */
const mustBeHere = ({ mediaType }: Descriptor): boolean => !isNonDistributable(mediaType)

/**
 * Throws MANIFEST_BLOB_UNKNOWN unless the repository has all that a manifest is made of: config and layers, or the manifests of an
 * index. An entry of an index may also be a blob, as those of build caches are. A subject need not exist (distribution-spec §Push).
 */
export const checkReferences = async (
  repository: RegistryRepository,
  parsed: ParsedManifest,
  options: { readonly sparseIndexes: boolean },
): Promise<void> => {
  if (parsed.kind === 'index' && options.sparseIndexes) return
  const needed = parsed.kind === 'manifest' ? [parsed.manifest.config, ...parsed.manifest.layers] : parsed.index.manifests
  const digests = new Set(needed.filter(mustBeHere).map(({ digest }) => digest))
  const isHere = async (digest: Digest): Promise<boolean> =>
    (parsed.kind === 'index' && (await repository.manifest(digest)) !== undefined) ||
    (await repository.blob(digest)) !== undefined
  const found = await mapConcurrent(digests, concurrency, async (digest) => ({ digest, here: await isHere(digest) }))
  const missing = found.filter(({ here }) => !here).map(({ digest }) => digest)
  if (missing.length === 0) return
  throw new GantryError(
    'invalid_argument',
    'MANIFEST_BLOB_UNKNOWN',
    `Cannot store ${parsed.kind}: repository "${repository.name}" does not have "${missing[0]}"${missing.length > 1 ? ` and ${missing.length - 1} more` : ''}`,
    { detail: { digests: missing.slice(0, 100) }, hint: 'push what the manifest refers to first' },
  )
}
