import { createHash } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { readManifest } from '../../content/read-blob.ts'
import { parseJson, streamOf } from '../../lib/bytes.ts'
import { GantryError, systemCode } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import { isRecord } from '../../oci/json-shape.ts'
import { describe, encodeJson, type Index } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { familiarString, formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { findNamed } from '../locations/find-stored.ts'

/** What is known of a member besides its descriptor. */
export interface MemberOrigin {
  /** The full reference it was added by. */
  readonly name?: string
  /** The location that has it, by digest; absent for what is in the local store. */
  readonly from?: string
}

/** A list that is being made: an index in the local store, whose members need not be there, and where they are. */
export interface ManifestList {
  /** Full reference. */
  readonly name: string
  readonly entries: readonly Descriptor[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly origins: ReadonlyMap<Digest, MemberOrigin>
}

/** Beside the index, since the index is kept as the bytes that will be pushed. */
const recordPath = (engine: Engine, name: string): string =>
  engine.path('manifests', `${createHash('sha256').update(name).digest('hex')}.json`)

/** The full reference that a user means by the name of a list. */
export const listName = (text: string): string => formatReference(withDefaultTag(parseReference(text)))

/** The list of a name, or undefined if there is none. `conflict` if the name is that of an image. */
export const findList = async (engine: Engine, text: string): Promise<ManifestList | undefined> => {
  const name = listName(text)
  const found = await findNamed(engine, name)
  if (found === undefined) return undefined
  const read = await readManifest(await engine.content(), found.target)
  if (read.kind !== 'index')
    throw new GantryError('conflict', 'NOT_A_LIST', `Cannot use "${familiar(name)}" as a manifest list: it is an image`, {
      hint: 'give the list another name, or the image: gantry tag',
    })
  const { manifests, annotations } = read.index
  const origins = (await readRecord(engine, name))?.origins ?? new Map<Digest, MemberOrigin>()
  return { name, entries: manifests, origins, ...(annotations && { annotations }) }
}

/** As findList(); `not_found` if there is none. */
export const needList = async (engine: Engine, text: string): Promise<ManifestList> => {
  const list = await findList(engine, text)
  if (list === undefined) throw noSuchList(text)
  return list
}

/** As needList(), but an index that was pulled is none. */
export const needOwnList = async (engine: Engine, text: string): Promise<ManifestList> => {
  if (!(await isOwnList(engine, text))) throw noSuchList(text)
  return await needList(engine, text)
}

const noSuchList = (text: string): GantryError =>
  new GantryError('not_found', 'NO_SUCH_MANIFEST', `No such manifest: ${familiar(listName(text))}`, {
    hint: `make it with "gantry manifest create ${text} IMAGE..."`,
  })

/** True if the list was made here and not pulled. */
export const isOwnList = async (engine: Engine, text: string): Promise<boolean> => {
  const name = listName(text)
  const record = await readRecord(engine, name)
  return record !== undefined && (await findNamed(engine, name))?.target.digest === record.index
}

export const familiar = (name: string): string => familiarString(parseReference(name))

/** The bytes of a list: of Docker's type if all of it is, else of OCI's, which alone has annotations. */
export const encodeList = ({ entries, annotations }: Pick<ManifestList, 'entries' | 'annotations'>): Buffer => {
  const docker =
    entries.length > 0 &&
    annotations === undefined &&
    entries.every((entry) => entry.mediaType === mediaTypes.dockerManifest && entry.annotations === undefined)
  const mediaType = docker ? mediaTypes.dockerList : mediaTypes.ociIndex
  const index: Index = { schemaVersion: 2, mediaType, manifests: entries, ...(annotations && { annotations }) }
  return encodeJson(index)
}

/** Keeps a list under its name. Answers its descriptor. */
export const saveList = async (engine: Engine, list: ManifestList): Promise<Descriptor> => {
  const bytes = encodeList(list)
  const { mediaType = mediaTypes.ociIndex } = JSON.parse(bytes.toString('utf8')) as Index
  const descriptor = describe(bytes, mediaType)
  const store = await engine.content()
  await using _lease = await store.lease()
  await writeFileAtomic(
    recordPath(engine, list.name),
    JSON.stringify({ list: list.name, index: descriptor.digest, members: Object.fromEntries(list.origins) }),
  )
  await store.write(descriptor, streamOf(bytes))
  await store.tag(list.name, descriptor)
  return descriptor
}

/** Forgets a list; its members stay. */
export const removeList = async (engine: Engine, { name }: ManifestList): Promise<void> => {
  await (await engine.content()).untag(name)
  await rm(recordPath(engine, name), { force: true })
}

interface ListRecord {
  /** The index that it belongs to: the name may have been given to something else since. */
  readonly index: unknown
  readonly origins: ReadonlyMap<Digest, MemberOrigin>
}

const readRecord = async (engine: Engine, name: string): Promise<ListRecord | undefined> => {
  const path = recordPath(engine, name)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  const value = parseJson(text, `"${path}"`)
  if (!isRecord(value)) return undefined
  const members = isRecord(value['members']) ? Object.entries(value['members']) : []
  const origins = members.flatMap(([digest, origin]) => (isDigest(digest) ? [[digest, readOrigin(origin)] as const] : []))
  return { index: value['index'], origins: new Map(origins) }
}

const readOrigin = (value: unknown): MemberOrigin => {
  const { name, from } = isRecord(value) ? value : {}
  return { ...(typeof name === 'string' ? { name } : {}), ...(typeof from === 'string' ? { from } : {}) }
}
