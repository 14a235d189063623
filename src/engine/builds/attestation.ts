import type { ContentSink, ContentSource } from '../../content/interfaces.ts'
import { readBlob, readManifest } from '../../content/read-blob.ts'
import { parseJson, streamOf, type Abortable } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestHex } from '../../oci/digest.ts'
import { isRecord } from '../../oci/json-shape.ts'
import { describe, emptyDescriptor, encodeJson } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'

const statementType = 'application/vnd.in-toto+json'
const artifactType = 'application/vnd.docker.attestation.manifest.v1+json'
const predicateKey = 'in-toto.io/predicate-type'
const typeKey = 'vnd.docker.reference.type'
const digestKey = 'vnd.docker.reference.digest'

/** Bytes: the largest statement that is read. */
const statementLimit = 40 << 20

/** Something that is said of an image (in-toto Statement v1). */
export interface Attestation {
  readonly predicateType: string
  readonly predicate: object
}

/** The image that an attestation in an index speaks of. */
export const attestedDigest = ({ annotations }: Descriptor): string | undefined => annotations?.[digestKey]

/**
 * Writes what is said of an image as docker has it (BuildKit docs/attestations/attestation-storage.md): a manifest for the index that
 * has the image, which by its subject is found as a referrer too. Answers the entry for the index. `names` are package URLs.
 */
export const writeAttestation = async (
  sink: ContentSink,
  image: Descriptor,
  names: readonly string[],
  attestations: readonly Attestation[],
  options: Abortable,
): Promise<Descriptor> => {
  const digest = { sha256: digestHex(image.digest) }
  const subject = (names.length === 0 ? ['_'] : names).map((name) => ({ name, digest }))
  const layers: Descriptor[] = []
  for (const { predicateType, predicate } of attestations) {
    const bytes = encodeJson({ _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate })
    layers.push({ ...(await put(sink, bytes, statementType, options)), annotations: { [predicateKey]: predicateType } })
  }
  return await writeEntry(sink, image, layers, options)
}

/** The same attestation of an image that has got another manifest. */
export const moveAttestation = async (
  store: ContentSource & ContentSink,
  entry: Descriptor,
  image: Descriptor,
  options: Abortable,
): Promise<Descriptor> => {
  const read = await readManifest(store, entry, options)
  if (read.kind !== 'manifest')
    throw new GantryError('invalid_argument', 'ATTESTATION_INVALID', `Cannot read attestation "${entry.digest}": it is an index`)
  const layers: Descriptor[] = []
  for (const layer of read.manifest.layers) {
    if (layer.mediaType !== statementType) {
      layers.push(layer)
      continue
    }
    const bytes = await readBlob(store, layer, { ...options, limit: statementLimit })
    const moved = withSubject(bytes, attestedDigest(entry) ?? '', image)
    layers.push({ ...layer, ...(await put(store, moved, statementType, options)) })
  }
  return await writeEntry(store, image, layers, options)
}

const withSubject = (bytes: Buffer, before: string, image: Descriptor): Buffer => {
  const statement = parseJson(bytes, 'the attestation')
  if (!isRecord(statement) || !Array.isArray(statement['subject'])) return bytes
  const old = before.slice(before.indexOf(':') + 1)
  const subject = (statement['subject'] as readonly unknown[]).map((one) =>
    isRecord(one) && isRecord(one['digest']) && one['digest']['sha256'] === old
      ? { ...one, digest: { sha256: digestHex(image.digest) } }
      : one,
  )
  return encodeJson({ ...statement, subject })
}

const writeEntry = async (
  sink: ContentSink,
  image: Descriptor,
  layers: readonly Descriptor[],
  options: Abortable,
): Promise<Descriptor> => {
  await sink.write(emptyDescriptor, streamOf(encodeJson({})), options)
  const { mediaType, digest, size } = image
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: emptyDescriptor,
    layers,
    subject: { mediaType, digest, size },
  })
  const descriptor = await put(sink, bytes, mediaTypes.ociManifest, options)
  return {
    ...descriptor,
    annotations: { [digestKey]: digest, [typeKey]: 'attestation-manifest' },
    platform: { architecture: 'unknown', os: 'unknown' },
  }
}

const put = async (sink: ContentSink, bytes: Buffer, mediaType: string, options: Abortable): Promise<Descriptor> => {
  const descriptor = describe(bytes, mediaType)
  await sink.write(descriptor, streamOf(bytes), options)
  return descriptor
}
