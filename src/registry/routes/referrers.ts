import { formatNextLink } from '../../lib/http/link.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { manifestLimit } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import type { Exchange } from '../exchange.ts'
import { listReferrers } from '../list-referrers.ts'
import { pageParameters } from '../parameters.ts'

const envelope = (manifests: readonly Descriptor[]): object => ({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })

/** As many of the descriptors, at least one, as an index of the size that every client reads can hold. */
const fitting = (descriptors: readonly Descriptor[], limit: number): readonly Descriptor[] => {
  let size = JSON.stringify(envelope([])).length
  const end = descriptors.findIndex((descriptor, index) => {
    size += Buffer.byteLength(JSON.stringify(descriptor)) + 1
    return index > 0 && (index >= limit || size > manifestLimit)
  })
  return end === -1 ? descriptors : descriptors.slice(0, end)
}

/**
 * GET /v2/<name>/referrers/<digest> (distribution-spec §Listing Referrers): an index in any case, be it empty. Pages are ordered
 * by digest and never larger than a manifest may be.
 */
export const getReferrers = async (
  exchange: Exchange,
  { name, digest }: { readonly name: string; readonly digest: Digest },
): Promise<void> => {
  const { limit = Infinity, last } = pageParameters(exchange.query)
  const artifactType = exchange.query.get('artifactType')
  const all = await listReferrers(exchange.repository(name), digest)
  const wanted = all.filter(
    (descriptor) =>
      (artifactType === null || (descriptor.artifactType ?? '') === artifactType) &&
      (last === undefined || descriptor.digest > last),
  )
  const manifests = limit === 0 ? [] : fitting(wanted, limit)
  const next = new URLSearchParams({
    ...(artifactType === null ? {} : { artifactType }),
    ...(limit === Infinity ? {} : { n: String(limit) }),
    last: manifests.at(-1)?.digest ?? '',
  })
  exchange.json(200, envelope(manifests), {
    'Content-Type': mediaTypes.ociIndex,
    ...(artifactType === null ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
    ...(manifests.length > 0 && manifests.length < wanted.length
      ? { Link: formatNextLink(`/v2/${name}/referrers/${digest}?${next.toString()}`) }
      : {}),
  })
}
