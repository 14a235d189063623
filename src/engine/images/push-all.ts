import { GantryError, throwIfAborted } from '../../lib/errors.ts'
import { familiarName, familiarString, parseReference, repositoryName, type Reference } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { untaggedReference } from './pull-all.ts'
import { pushImage, type PushOptions, type PushResult } from './push.ts'

export interface PushAllOptions extends PushOptions {
  /** Called after each tag, before the next is begun. */
  readonly onPushed?: (result: PushResult) => Promise<void> | void
  /** Called for each tag that could not be pushed; the others are tried all the same. */
  readonly onFailed?: (reference: Reference, error: unknown) => Promise<void> | void
}

/** Uploads every local tag of a repository, in the order of the tags. Answers how many were pushed and how many were not. */
export const pushAllTags = async (
  engine: Engine,
  text: string,
  { onPushed, onFailed, ...options }: PushAllOptions = {},
): Promise<{ readonly pushed: number; readonly failed: number }> => {
  const reference = untaggedReference(text)
  const tagged = await localTags(engine, reference)
  let pushed = 0
  for (const one of tagged) {
    throwIfAborted(options.signal)
    let result
    try {
      result = await pushImage(engine, familiarString(one), options)
    } catch (error) {
      throwIfAborted(options.signal)
      await onFailed?.(one, error)
      continue
    }
    await onPushed?.(result)
    pushed++
  }
  return { pushed, failed: tagged.length - pushed }
}

const localTags = async (engine: Engine, reference: Reference): Promise<readonly Reference[]> => {
  const names = await (await engine.content()).names()
  const inRepository = names
    .flatMap(({ name }) => (name === undefined ? [] : [parseReference(name)]))
    .filter((other) => repositoryName(other) === repositoryName(reference))
  if (inRepository.length === 0)
    throw new GantryError(
      'not_found',
      'NO_SUCH_IMAGE',
      `An image does not exist locally with the tag: ${familiarName(reference)}`,
      { hint: `tag an image first: gantry tag IMAGE ${familiarName(reference)}` },
    )
  const tagged = inRepository.filter((other) => other.tag !== undefined && other.digest === undefined)
  if (tagged.length === 0)
    throw new GantryError('not_found', 'NO_TAGS', `no tags to push for ${familiarName(reference)}`, {
      hint: `tag an image first: gantry tag IMAGE ${familiarName(reference)}`,
    })
  return tagged.toSorted((a, b) => (familiarString(a) < familiarString(b) ? -1 : 1))
}
