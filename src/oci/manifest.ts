import { parseJson } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from './descriptor.ts'
import { readDescriptor, readMediaType } from './descriptor-parse.ts'
import { digestOf, type Digest } from './digest.ts'
import { asList, asRecord, asString, asStringMap, at, isAbsent, optional, shapeError, type Place } from './json-shape.ts'
import { isIndexType, isManifestType, mediaTypes } from './media-type.ts'

/** An image manifest, OCI (image-spec manifest.md) or Docker schema 2. Unknown fields survive since bytes are kept as received. */
export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** An image index (image-spec image-index.md) or a Docker manifest list. */
export interface Index {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly artifactType?: string
  readonly manifests: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** A manifest or index with the media type that it was served under or, where neither says, that its fields show. */
export type ParsedManifest =
  | { readonly kind: 'manifest'; readonly mediaType: string; readonly manifest: Manifest }
  | { readonly kind: 'index'; readonly mediaType: string; readonly index: Index }

/** Bytes: the largest manifest or index that is read; distribution-spec asks registries to take 4 MiB. */
export const manifestLimit = 4 << 20
const maxEntries = 10_000

const document = 'manifest'
const invalid = (code: string, reason: string): GantryError =>
  new GantryError('invalid_argument', code, `Cannot read ${document}: ${reason}`)

const isSchema1 = (type: unknown): boolean => type === mediaTypes.dockerSchema1 || type === mediaTypes.dockerSchema1Signed
const schema1 = (): GantryError =>
  new GantryError(
    'unsupported',
    'MANIFEST_SCHEMA1',
    `Cannot read ${document}: Docker image manifest version 2, schema 1 is not supported`,
    {
      hint: 'build the image again with a current builder, or convert it with "skopeo copy --format v2s2"',
    },
  )

/** What a Content-Type says apart from parameters; types that servers send for any file say nothing. */
const essence = (contentType: string | undefined): string | undefined => {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  return type === undefined || type === '' || /^(?:application\/(?:json|octet-stream|x-empty)|text\/\w+)$/.test(type)
    ? undefined
    : type
}

const indexFields = ['manifests'] as const
const manifestFields = ['config', 'layers', 'fsLayers', 'history'] as const

/** CVE-2021-41190: a body with the fields of both would be another image to another reader. */
const kindOf = (body: Readonly<Record<string, unknown>>): 'index' | 'manifest' => {
  const isIndex = indexFields.some((field) => Object.hasOwn(body, field))
  const isManifest = manifestFields.some((field) => Object.hasOwn(body, field))
  if (isIndex && isManifest) throw invalid('MANIFEST_AMBIGUOUS', 'it has the fields of a manifest and of an index')
  if (!isIndex && !Object.hasOwn(body, 'layers')) throw invalid('MANIFEST_INVALID', 'it has neither "manifests" nor "layers"')
  return isIndex ? 'index' : 'manifest'
}

const typeOf = (place: Place, kind: 'index' | 'manifest', contentType: string | undefined): string => {
  const field = at(place, 'mediaType')
  const own = isAbsent(field) || field.value === '' ? undefined : readMediaType(field)
  const served = essence(contentType)
  if (own !== undefined && served !== undefined && own !== served)
    throw invalid('MANIFEST_TYPE_MISMATCH', `it was served as "${served}" but says it is "${own}"`)
  const type = own ?? served ?? (kind === 'index' ? mediaTypes.ociIndex : mediaTypes.ociManifest)
  if (!isIndexType(type) && !isManifestType(type))
    throw new GantryError('unsupported', 'MANIFEST_TYPE_UNSUPPORTED', `Cannot read ${document}: unsupported media type "${type}"`)
  if (isIndexType(type) !== (kind === 'index'))
    throw invalid(
      'MANIFEST_TYPE_MISMATCH',
      `its media type is "${type}" but its fields are those of ${kind === 'index' ? 'an index' : 'a manifest'}`,
    )
  return type
}

const readEntries = (place: Place): readonly Descriptor[] => (isAbsent(place) ? [] : asList(place, maxEntries, readDescriptor))

const common = (place: Place) => ({
  ...optional(place, 'artifactType', asString),
  ...optional(place, 'subject', readDescriptor),
  ...optional(place, 'annotations', asStringMap),
})

const own = (place: Place) => (at(place, 'mediaType').value === '' ? {} : optional(place, 'mediaType', asString))

/**
 * Reads the untrusted bytes of a manifest or an index. A body without `mediaType` is known by its fields; one with the fields of
 * both, one served under another type than its own, and schema 1 are refused (`invalid_argument`, `unsupported`).
 */
export const parseManifestOrIndex = (bytes: Uint8Array, contentType?: string): ParsedManifest => {
  if (bytes.length > manifestLimit)
    throw new GantryError(
      'resource_exhausted',
      'MANIFEST_TOO_LARGE',
      `Cannot read ${document}: it has more than ${manifestLimit} bytes`,
    )
  const place: Place = { what: document, path: '', value: parseJson(bytes, document) }
  const body = asRecord(place)
  if (body['schemaVersion'] === 1 || isSchema1(body['mediaType']) || isSchema1(essence(contentType))) throw schema1()
  const kind = kindOf(body)
  const mediaType = typeOf(place, kind, contentType)
  if (body['schemaVersion'] !== 2) throw shapeError(at(place, 'schemaVersion'), '2')
  const head = { schemaVersion: 2, ...own(place) } as const
  if (kind === 'index')
    return { kind, mediaType, index: { ...head, manifests: readEntries(at(place, 'manifests')), ...common(place) } }
  const config = readDescriptor(at(place, 'config'))
  return { kind, mediaType, manifest: { ...head, config, layers: readEntries(at(place, 'layers')), ...common(place) } }
}

/** As parseManifestOrIndex(), where only a manifest will do. */
export const parseManifest = (bytes: Uint8Array, contentType?: string): Manifest => {
  const parsed = parseManifestOrIndex(bytes, contentType)
  if (parsed.kind !== 'manifest') throw invalid('MANIFEST_INVALID', 'it is an index')
  return parsed.manifest
}

/** As parseManifestOrIndex(), where only an index will do. */
export const parseIndex = (bytes: Uint8Array, contentType?: string): Index => {
  const parsed = parseManifestOrIndex(bytes, contentType)
  if (parsed.kind !== 'index') throw invalid('MANIFEST_INVALID', 'it is not an index')
  return parsed.index
}

/** True for an index entry that is no image but speaks of one (BuildKit docs/attestations/attestation-storage.md). */
export const isAttestation = ({ platform, annotations, artifactType }: Descriptor): boolean =>
  (platform?.os === 'unknown' && platform.architecture === 'unknown') ||
  annotations?.['vnd.docker.reference.type'] === 'attestation-manifest' ||
  artifactType === 'application/vnd.docker.attestation.manifest.v1+json'

/** The descriptor of bytes in memory. */
export const describe = (bytes: Uint8Array, mediaType: string): Descriptor => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
})

/** JSON of a value that we write, compact, fields in the order given. */
export const encodeJson = (value: object): Buffer => Buffer.from(JSON.stringify(value))

/** Stands for "no config" and "no layer" in artifacts; its content is `{}` (image-spec manifest.md §Guidance for an Empty Descriptor). */
export const emptyDescriptor: Descriptor = {
  mediaType: mediaTypes.ociEmpty,
  digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a' as Digest,
  size: 2,
}
