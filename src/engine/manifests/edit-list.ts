import type { Abortable } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { isDigest } from '../../oci/digest.ts'
import { displayPlatform } from '../../oci/platform.ts'
import type { Engine } from '../engine.ts'
import { findList, familiar, listName, needList, saveList, type ManifestList } from './manifest-list.ts'
import { readMembers, type Member } from './read-members.ts'

/** Makes a list of images. With `amend` one that is there already gets them too. */
export const createList = async (
  engine: Engine,
  text: string,
  images: readonly string[],
  options: Abortable & { readonly amend?: boolean } = {},
): Promise<ManifestList> => {
  const { amend = false, ...abortable } = options
  const known = await findList(engine, text)
  if (known !== undefined && !amend)
    throw new GantryError(
      'already_exists',
      'LIST_EXISTS',
      `Cannot create "${familiar(known.name)}": refusing to amend an existing manifest list with no --amend flag`,
    )
  let list: ManifestList = known ?? { name: listName(text), entries: [], origins: new Map() }
  for (const image of images) list = withMembers(list, await readMembers(engine, image, abortable))
  await saveList(engine, list)
  return list
}

/** What an entry of a list says of its image. */
export interface EntryChanges {
  readonly os?: string
  readonly architecture?: string
  readonly variant?: string
  readonly osVersion?: string
  readonly osFeatures?: readonly string[]
  /** Added to those there are; an empty value takes one away. */
  readonly annotations?: Readonly<Record<string, string>>
}

/** Adds an image, or everything of an index. What is in the list already is replaced. Answers the index. */
export const addToList = async (
  engine: Engine,
  text: string,
  image: string,
  options: Abortable & { readonly changes?: EntryChanges } = {},
): Promise<Descriptor> => {
  const { changes = {}, ...abortable } = options
  const list = await needList(engine, text)
  const members = await readMembers(engine, image, abortable)
  const changed = members.map((member) => ({ ...member, descriptor: changeEntry(member.descriptor, changes) }))
  return await saveList(engine, withMembers(list, changed))
}

/** Changes what the list says of one of its images. Answers the index. */
export const annotateList = async (engine: Engine, text: string, image: string, changes: EntryChanges): Promise<Descriptor> => {
  const list = await needList(engine, text)
  const { digest } = findEntry(list, image)
  const entries = list.entries.map((entry) => (entry.digest === digest ? changeEntry(entry, changes) : entry))
  return await saveList(engine, { ...list, entries })
}

/** Annotates the index itself. */
export const annotateIndex = async (
  engine: Engine,
  text: string,
  annotations: Readonly<Record<string, string>>,
): Promise<Descriptor> => {
  const { annotations: before, ...list } = await needList(engine, text)
  return await saveList(engine, { ...list, ...annotated(before, annotations) })
}

/** Takes images away. Answers the index. */
export const removeFromList = async (engine: Engine, text: string, images: readonly string[]): Promise<Descriptor> => {
  const list = await needList(engine, text)
  const gone = new Set(images.map((image) => findEntry(list, image).digest))
  const origins = new Map([...list.origins].filter(([digest]) => !gone.has(digest)))
  return await saveList(engine, { ...list, origins, entries: list.entries.filter(({ digest }) => !gone.has(digest)) })
}

const withMembers = (list: ManifestList, members: readonly Member[]): ManifestList => {
  const added = new Map(members.map((member) => [member.descriptor.digest, member]))
  const kept = list.entries.filter(({ digest }) => !added.has(digest))
  return {
    ...list,
    entries: [...kept, ...[...added.values()].map(({ descriptor }) => descriptor)],
    origins: new Map([...list.origins, ...[...added].map(([digest, { origin }]) => [digest, origin] as const)]),
  }
}

const changeEntry = (entry: Descriptor, changes: EntryChanges): Descriptor => {
  const { annotations, ...rest } = entry
  const platform = changePlatform(entry.platform, changes)
  return { ...rest, ...(platform && { platform }), ...annotated(annotations, changes.annotations ?? {}) }
}

const changePlatform = (platform: Platform | undefined, changes: EntryChanges): Platform | undefined => {
  const { os, architecture, variant, osVersion, osFeatures = [] } = changes
  const changed = {
    ...(os === undefined ? {} : { os }),
    ...(architecture === undefined ? {} : { architecture }),
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { 'os.version': osVersion }),
    ...(osFeatures.length === 0 ? {} : { 'os.features': osFeatures }),
  }
  if (Object.keys(changed).length === 0) return platform
  return { os: 'linux', architecture: 'amd64', ...platform, ...changed }
}

const annotated = (
  before: Readonly<Record<string, string>> | undefined,
  added: Readonly<Record<string, string>>,
): { readonly annotations?: Readonly<Record<string, string>> } => {
  const all = Object.entries({ ...before, ...added }).filter(([key, value]) => value !== '' || !Object.hasOwn(added, key))
  return all.length === 0 ? {} : { annotations: Object.fromEntries(all) }
}

/** An entry by its digest, by the name it was added by, or by its platform. */
const findEntry = (list: ManifestList, text: string): Descriptor => {
  const digest = text.slice(text.lastIndexOf('@') + 1)
  const named = isDigest(digest) ? undefined : parsedName(text)
  const found = list.entries.filter(
    (entry) =>
      entry.digest === digest ||
      (named !== undefined && list.origins.get(entry.digest)?.name === named) ||
      (entry.platform !== undefined && displayPlatform(entry.platform) === text),
  )
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only
  const known = list.entries.map((entry) => entry.digest).join(', ')
  if (only === undefined)
    throw new GantryError('not_found', 'NOT_IN_LIST', `Cannot find "${text}" in the manifest list "${familiar(list.name)}"`, {
      hint: known === '' ? 'it is empty' : `it has ${known}`,
    })
  throw new GantryError(
    'conflict',
    'AMBIGUOUS',
    `Cannot choose of "${familiar(list.name)}": ${found.length} entries are "${text}"`,
    {
      hint: `name one by its digest: ${found.map((entry) => entry.digest).join(', ')}`,
    },
  )
}

const parsedName = (text: string): string | undefined => {
  try {
    return listName(text.replace(/^docker:\/\//, ''))
  } catch {
    return undefined
  }
}
