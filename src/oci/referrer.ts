import type { Descriptor } from './descriptor.ts'
import { digestAlgorithm, digestHex, type Digest } from './digest.ts'
import { parseManifestOrIndex, type ParsedManifest } from './manifest.ts'

/** The tag that lists the referrers of a digest where the registry does not (distribution-spec §Referrers Tag Schema). */
export const referrersTag = (subject: Digest): string =>
  `${digestAlgorithm(subject).slice(0, 32)}-${digestHex(subject).slice(0, 64)}`

/** The `subject` of a manifest or index, if it has one. */
export const subjectOf = (parsed: ParsedManifest): Descriptor | undefined =>
  parsed.kind === 'manifest' ? parsed.manifest.subject : parsed.index.subject

/** A manifest as it is listed under its subject (distribution-spec §Listing Referrers): with artifactType and annotations. */
export const referrerDescriptor = ({ mediaType, digest, size }: Descriptor, parsed: ParsedManifest): Descriptor => {
  const { artifactType, annotations } = parsed.kind === 'manifest' ? parsed.manifest : parsed.index
  const fallback = parsed.kind === 'manifest' ? parsed.manifest.config.mediaType : undefined
  const type = artifactType === undefined || artifactType === '' ? fallback : artifactType
  return {
    mediaType,
    digest,
    size,
    ...(type === undefined ? {} : { artifactType: type }),
    ...(annotations === undefined ? {} : { annotations }),
  }
}

/** What a manifest that has a subject is listed as, and under which; undefined for one without. The bytes have been validated. */
export const referrerOf = (
  descriptor: Descriptor,
  bytes: Uint8Array,
): { readonly subject: Descriptor; readonly referrer: Descriptor } | undefined => {
  const parsed = parseManifestOrIndex(bytes, descriptor.mediaType)
  const subject = subjectOf(parsed)
  return subject === undefined ? undefined : { subject, referrer: referrerDescriptor(descriptor, parsed) }
}
