import { GantryError, throwIfAborted } from '../../lib/errors.ts'
import { familiarName, familiarString, parseReference, withTag, type Reference } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { pullPlatforms, type PullPlatformsOptions } from './pull-platforms.ts'
import type { PullResult } from './pull.ts'

export interface PullAllOptions extends PullPlatformsOptions {
  /** Called after each tag, in the order of the registry, before the next is begun. */
  readonly onPulled?: (result: PullResult) => Promise<void> | void
  /** Called for each tag that could not be pulled; the others are tried all the same. */
  readonly onFailed?: (reference: Reference, error: unknown) => Promise<void> | void
}

/** Downloads every tag of a repository. Answers how many were pulled and how many were not. */
export const pullAllTags = async (
  engine: Engine,
  text: string,
  { onPulled, onFailed, ...options }: PullAllOptions = {},
): Promise<{ readonly pulled: number; readonly failed: number }> => {
  const reference = untaggedReference(text)
  const { isReferrersTag } = await import('../../oci/tag-order.ts')
  const tags = (await (await engine.registry()).repository(reference).tags(options)).filter((tag) => !isReferrersTag(tag))
  if (tags.length === 0)
    throw new GantryError('not_found', 'NO_TAGS', `Cannot pull all tags of "${familiarName(reference)}": it has none`)
  let pulled = 0
  for (const tag of tags) {
    throwIfAborted(options.signal)
    const tagged = withTag(reference, tag)
    let result
    try {
      result = await pullPlatforms(engine, familiarString(tagged), options)
    } catch (error) {
      throwIfAborted(options.signal)
      await onFailed?.(tagged, error)
      continue
    }
    await onPulled?.(result)
    pulled++
  }
  return { pulled, failed: tags.length - pulled }
}

/** The repository that `--all-tags` is about: a reference with neither a tag nor a digest. */
export const untaggedReference = (text: string): Reference => {
  const reference = parseReference(text)
  if (reference.tag === undefined && reference.digest === undefined) return reference
  throw new GantryError('invalid_argument', 'TAG_WITH_ALL_TAGS', "tag can't be used with --all-tags/-a")
}
