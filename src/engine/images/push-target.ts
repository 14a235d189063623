import { copy } from '../../content/copy.ts'
import type { CopyEvent, ImageSource } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { isGantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isIndexType } from '../../oci/media-type.ts'
import { parseReference } from '../../oci/reference.ts'
import type { RemoteRepository } from '../../remote/interfaces.ts'
import type { Engine } from '../engine.ts'
import { fallbackSource } from './fallback-source.ts'

/** What is pushed where. */
export interface PushTarget {
  readonly target: Descriptor
  readonly repository: RemoteRepository
  /** Full references under which the rest of a sparse index may be found. */
  readonly origins: readonly string[]
  /** The tag, or the digest where it gets none. */
  readonly to: string
}

export interface PushTargetOptions extends Abortable {
  readonly onEvent?: (event: CopyEvent) => void
}

/** Blobs under way at a time: a registry takes as long for a small one as for its rights, its file and its answer. */
const uploads = 16

/**
 * Pushes a manifest or index and answers what the tag points at. An index of which manifests are missing here goes whole if the
 * repository or an origin has them; else the only image that is here goes in its place, as with docker, or nothing at all.
 */
export const pushTarget = async (
  engine: Engine,
  { target, repository, origins, to }: PushTarget,
  { signal, onEvent }: PushTargetOptions,
): Promise<Descriptor> => {
  const store = await engine.content()
  const options = {
    from: target,
    to,
    platform: 'all',
    limit: uploads,
    ...(signal === undefined ? {} : { signal }),
    ...(onEvent === undefined ? {} : { onEvent }),
  } as const
  if (!isIndexType(target.mediaType)) return await copy(store, repository, options)
  const client = await engine.registry()
  const others = origins.map((name): ImageSource => client.repository(parseReference(name)))
  try {
    return await copy(fallbackSource([store, repository, ...others]), repository, { ...options, sparse: 'refuse' })
  } catch (error) {
    if (!isGantryError(error, 'failed_precondition') || error.code !== 'INDEX_INCOMPLETE') throw error
  }
  return await copy(store, repository, { ...options, sparse: 'reduce' })
}
