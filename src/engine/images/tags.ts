import { hasWildcard, matchGlob, parseGlob } from '../../build/glob.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { GantryError, isGantryError, messageOf } from '../../lib/errors.ts'
import { familiarName, parseReference, type Reference } from '../../oci/reference.ts'
import { newestFirst } from '../../oci/tag-order.ts'
import type { RegistryClient, RemoteRepository } from '../../remote/interfaces.ts'
import type { Engine } from '../engine.ts'
import { tagDetails, type TagDetails } from './tag-details.ts'

export const tagOrders = ['version', 'name', 'created', 'pushed'] as const
export type TagOrder = (typeof tagOrders)[number]

export interface ListTagsOptions extends Abortable {
  /** Default `version`, the newest first; times are the newest first too. */
  readonly sort?: TagOrder
  /** At most so many, of those that the order puts first. */
  readonly limit?: number
  /** A pattern of Go's path.Match, or a regular expression between slashes. */
  readonly filters?: readonly string[]
  /** Ask what is behind each tag that is listed, which costs two or three requests a tag. */
  readonly details?: boolean
}

/** A tag of a repository, with what is behind it if that was asked for and could be found out. */
export interface ListedTag {
  readonly tag: string
  readonly details?: TagDetails
  readonly pushed?: Date
  /** Why there are no details. */
  readonly failure?: string
}

/** Requests for details under way at a time. */
const concurrency = 6

/** The tags of a repository in a registry. A tag or digest in the text is `invalid_argument`. */
export const listTags = async (engine: Engine, text: string, options: ListTagsOptions = {}): Promise<readonly ListedTag[]> => {
  const { sort = 'version', limit = Infinity, filters = [] } = options
  const reference = parseReference(text)
  if (reference.tag !== undefined || reference.digest !== undefined)
    throw new GantryError('invalid_argument', 'REPOSITORY_WANTED', `Cannot list the tags of "${text}": it names one already`, {
      hint: `gantry tags ${familiarName(reference)}`,
    })
  const keep = filters.map(parseTagFilter)
  const client = await engine.registry()
  const repository = client.repository(reference)
  const abortable = options.signal === undefined ? {} : { signal: options.signal }
  const names = (await tagsOrHint(client, reference, abortable)).filter((tag) => keep.every((passes) => passes(tag)))
  const byVersion = newestFirst(names).map((tag): ListedTag => ({ tag }))
  switch (sort) {
    case 'version':
      return await withDetails(engine, repository, byVersion.slice(0, limit), options)
    case 'name':
      return await withDetails(
        engine,
        repository,
        byVersion.toSorted((a, b) => (a.tag < b.tag ? -1 : 1)).slice(0, limit),
        options,
      )
    case 'created': {
      const all = await withDetails(engine, repository, byVersion, { ...options, details: true })
      return all.toSorted(byTime(({ details }) => details?.created)).slice(0, limit)
    }
    case 'pushed': {
      const all = await withPushTimes(repository, byVersion, options)
      const sorted = all.toSorted(byTime(({ pushed }) => pushed?.getTime()))
      return await withDetails(engine, repository, sorted.slice(0, limit), options)
    }
  }
}

const tagsOrHint = async (client: RegistryClient, reference: Reference, options: Abortable): Promise<readonly string[]> => {
  try {
    return await client.repository(reference).tags(options)
  } catch (error) {
    if (!isGantryError(error, 'not_found')) throw error
    const { hintForUnknown } = await import('./missing-hint.ts')
    const hint = await hintForUnknown(client, reference, options)
    throw new GantryError(error.kind, error.code, error.message, { cause: error, hint })
  }
}

/** Newest first, tags without a time last; a stable sort leaves equals in the order of versions. */
const byTime =
  (time: (tag: ListedTag) => number | undefined) =>
  (a: ListedTag, b: ListedTag): number =>
    (time(b) ?? 0) - (time(a) ?? 0)

const parseTagFilter = (text: string): ((tag: string) => boolean) => {
  const expression = /^\/(.*)\/$/s.exec(text)?.[1]
  if (expression === undefined) {
    const glob = parseGlob(hasWildcard(text) ? text : `*${text}*`, false)
    return (tag) => matchGlob(glob, tag)
  }
  try {
    const pattern = new RegExp(expression)
    return (tag) => pattern.test(tag)
  } catch (cause) {
    throw new GantryError('invalid_argument', 'FILTER_INVALID', `Cannot filter by ${text}: it is no regular expression`, {
      cause,
    })
  }
}

const withDetails = async (
  engine: Engine,
  repository: RemoteRepository,
  tags: readonly ListedTag[],
  { details = false, signal }: ListTagsOptions,
): Promise<readonly ListedTag[]> => {
  if (!details) return tags
  const options = { host: engine.options.platform, ...(signal === undefined ? {} : { signal }) }
  return await mapConcurrent(tags, concurrency, async (listed) => {
    try {
      return { ...listed, details: await tagDetails(repository, listed.tag, options) }
    } catch (error) {
      // one tag that is broken, or went away meanwhile, does not hide the others
      if (!isGantryError(error) || error.kind === 'canceled') throw error
      return { ...listed, failure: messageOf(error) }
    }
  })
}

const withPushTimes = async (
  repository: RemoteRepository,
  tags: readonly ListedTag[],
  options: Abortable,
): Promise<readonly ListedTag[]> => {
  const timed = await mapConcurrent(tags, concurrency, async (listed): Promise<ListedTag> => {
    const pushed = await repository.pushed(listed.tag, options)
    return pushed === undefined ? listed : { ...listed, pushed }
  })
  if (timed.length === 0 || timed.some(({ pushed }) => pushed !== undefined)) return timed
  throw new GantryError('unsupported', 'NO_PUSH_TIMES', `Cannot sort by push time: "${repository.domain}" does not tell it`, {
    hint: 'use --sort created, or --sort version',
  })
}
