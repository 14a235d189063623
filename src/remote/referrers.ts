import { parseJson, type Abortable } from '../lib/bytes.ts'
import { mapConcurrent } from '../lib/concurrency.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { describe, encodeJson, parseIndex, parseManifestOrIndex } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { referrerDescriptor, referrerOf, referrersTag } from '../oci/referrer.ts'
import { purpose, type RepositoryContext } from './context.ts'
import { answerDetail } from './failure.ts'
import type { RawManifest } from './interfaces.ts'
import { findManifest, putManifest, removeManifest } from './manifests.ts'
import { listPages } from './pages.ts'

/** The API's answer, by pages; undefined where there is no such API. */
const fromApi = async (
  context: RepositoryContext,
  subject: Digest,
  { signal, artifactType }: Abortable & { readonly artifactType?: string },
): Promise<readonly Descriptor[] | undefined> => {
  const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`
  const found: Descriptor[] = []
  const pages = listPages(context.registry, {
    url: `${context.path}/referrers/${subject}${query}`,
    headers: { accept: mediaTypes.ociIndex },
    scopes: context.read,
    path: context.path,
    purpose: purpose(context, 'list', `list referrers of "${subject}" in`),
    ...(signal && { signal }),
  })
  try {
    for await (const { body } of pages) found.push(...parseIndex(encodeJson(Object(body))).manifests)
  } catch (error) {
    if ([400, 404, 405, 501].includes(answerDetail(error).status ?? 0)) return undefined
    throw error
  }
  return found
}

/** What an entry says of itself may be wrong (GHCR) or missing: its manifest knows. */
const trueTypes = async (
  context: RepositoryContext,
  entries: readonly Descriptor[],
  options: Abortable,
): Promise<readonly Descriptor[]> =>
  await mapConcurrent(entries, 4, async (entry) => {
    const raw = await findManifest(context, entry.digest, options)
    if (raw === undefined) return entry
    const { artifactType } = referrerDescriptor(entry, parseManifestOrIndex(raw.bytes, raw.descriptor.mediaType))
    return artifactType === undefined ? entry : { ...entry, artifactType }
  })

/** What refers to a digest: by the registry's list, else by the tag that clients keep. */
export const listReferrers = async (
  context: RepositoryContext,
  subject: Digest,
  options: Abortable & { readonly artifactType?: string } = {},
): Promise<readonly Descriptor[]> => {
  const { artifactType } = options
  let found = await fromApi(context, subject, options)
  found ??= await trueTypes(context, await listed(context, subject, options), options)
  // a registry need not filter
  return artifactType === undefined ? found : found.filter((entry) => entry.artifactType === artifactType)
}

const listed = async (context: RepositoryContext, subject: Digest, options: Abortable): Promise<readonly Descriptor[]> => {
  const raw = await findManifest(context, referrersTag(subject), options)
  return raw === undefined ? [] : parseIndex(raw.bytes, raw.descriptor.mediaType).manifests
}

const attempts = 4

/**
 * Changes the list under the tag. There is no way to say "if unchanged": it is read again, and changed again if another client's
 * list has replaced ours. An empty list's tag is deleted.
 */
const changeList = async (
  context: RepositoryContext,
  subject: Digest,
  change: (entries: readonly RawEntry[]) => readonly RawEntry[] | undefined,
  options: Abortable,
): Promise<void> => {
  const tag = referrersTag(subject)
  for (let attempt = 0; attempt < attempts; attempt++) {
    const raw = await findManifest(context, tag, options)
    const index = raw === undefined ? undefined : rawIndex(raw)
    const entries = change(index?.manifests ?? [])
    if (entries === undefined) return
    if (entries.length === 0 && raw !== undefined) return void (await removeManifest(context, raw.descriptor.digest, options))
    const bytes = encodeJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, ...index, manifests: entries })
    await putManifest(context, tag, { descriptor: describe(bytes, mediaTypes.ociIndex), bytes }, options)
  }
  throw new GantryError(
    'conflict',
    'REFERRERS_CONFLICT',
    `Cannot update the referrers of "${subject}" in "${context.name}": others keep replacing them`,
    {
      hint: 'try again',
    },
  )
}

/** An entry of the list with all its fields, known or not. */
type RawEntry = Readonly<Record<string, unknown>>

const rawIndex = ({ bytes, descriptor }: RawManifest): { readonly manifests: readonly RawEntry[] } => {
  parseIndex(bytes, descriptor.mediaType)
  return parseJson(bytes, 'the list of referrers') as { readonly manifests: readonly RawEntry[] }
}

/** Keeps the tag's list after a manifest with a subject was pushed to a registry that did not say OCI-Subject. */
export const addReferrer = async (
  context: RepositoryContext,
  { descriptor, bytes }: RawManifest,
  options: Abortable,
): Promise<void> => {
  const found = referrerOf(descriptor, bytes)
  if (found === undefined) return
  const { digest } = descriptor
  await changeList(
    context,
    found.subject.digest,
    (entries) => (entries.some((other) => other['digest'] === digest) ? undefined : [...entries, { ...found.referrer }]),
    options,
  )
}

/** Takes a manifest that is about to be deleted out of the tag's list, where the registry has no list of its own. */
export const removeReferrer = async (
  context: RepositoryContext,
  { descriptor, bytes }: RawManifest,
  options: Abortable,
): Promise<void> => {
  const subject = referrerOf(descriptor, bytes)?.subject
  if (subject === undefined || (await fromApi(context, subject.digest, options)) !== undefined) return
  await changeList(
    context,
    subject.digest,
    (entries) => {
      const rest = entries.filter((other) => other['digest'] !== descriptor.digest)
      return rest.length === entries.length ? undefined : rest
    },
    options,
  )
}
