import { choosePlatforms } from '../../content/copy-platforms.ts'
import type { CopyEvent } from '../../content/interfaces.ts'
import { isLayoutFolder } from '../../content/layout-index.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { isGantryError, throwIfAborted } from '../../lib/errors.ts'
import type { Digest } from '../../oci/digest.ts'
import { familiarName, manifestReference, parseReference, withTag, type Reference } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { copyImage } from '../images/copy.ts'
import { formatLocation, type Location } from '../locations/location.ts'
import { openPlace } from '../locations/open-place.ts'
import type { Mirror, MirrorTarget } from './mirror.ts'
import { filterNames } from './pattern.ts'
import { selectTags } from './select-tags.ts'

/** What became of one image, or of a source that could not be listed. */
export interface MirrorResult {
  readonly outcome: 'copied' | 'current' | 'planned' | 'failed'
  readonly from: string
  readonly to: string
  readonly error?: unknown
}

export interface MirrorOptions extends Abortable {
  /** Compare only. */
  readonly dryRun?: boolean
  readonly onEvent?: (event: CopyEvent) => void
  readonly onResult: (result: MirrorResult) => void
}

/** Images under way at a time. */
const concurrency = 3

/** Makes the targets have what the sources have. A failure is one of the results and keeps nothing else from being copied. */
export const runMirrors = async (engine: Engine, mirrors: readonly Mirror[], options: MirrorOptions): Promise<void> => {
  for (const mirror of mirrors) {
    let pairs: readonly Pair[]
    try {
      pairs = await listPairs(engine, mirror, options)
    } catch (error) {
      throwIfAborted(options.signal)
      options.onResult({ outcome: 'failed', from: sourceName(mirror), to: targetName(mirror.target), error })
      continue
    }
    // a layout's index is written by one at a time
    const limit = mirror.target.kind === 'layout' ? 1 : concurrency
    await mapConcurrent(pairs, limit, async (pair) => options.onResult(await mirrorImage(engine, mirror, pair, options)))
  }
}

/** Two images of the same name: where one is, and where it shall be. */
interface Pair {
  readonly from: Extract<Location, { readonly kind: 'registry' }>
  readonly to: Extract<Location, { readonly kind: 'registry' | 'layout' }>
}

const listPairs = async (engine: Engine, { source, target, tags }: Mirror, options: Abortable): Promise<readonly Pair[]> => {
  if (source.kind === 'image') return [pairOf(source.reference, target, source.reference.tag)]
  const client = await engine.registry()
  const tagsOf = async (reference: Reference, to: MirrorTarget): Promise<readonly Pair[]> => {
    const listed = await client.repository(reference).tags(abortable(options))
    return selectTags(listed, tags).map((tag) => pairOf(withTag(reference, tag), to, tag))
  }
  if (source.kind === 'repository') return await tagsOf(source.reference, target)
  const names = filterNames(await client.catalog(source.domain, abortable(options)), source.repositories)
  const pairs: Pair[] = []
  for (const path of names) pairs.push(...(await tagsOf({ domain: source.domain, path }, below(target, path))))
  return pairs
}

const abortable = ({ signal }: Abortable): Abortable => (signal === undefined ? {} : { signal })

/** The target of one repository of a registry. */
const below = (target: MirrorTarget, path: string): MirrorTarget =>
  target.kind === 'prefix' ? { kind: 'registry', reference: parseReference(`${target.domain}/${target.path}${path}`) } : target

const pairOf = (reference: Reference, target: MirrorTarget, tag: string | undefined): Pair => {
  const from = { kind: 'registry', reference } as const
  if (target.kind === 'layout')
    return { from, to: target.name === undefined && tag !== undefined ? { ...target, name: tag } : target }
  const to = target.kind === 'registry' ? target.reference : parseReference(`${target.domain}/${target.path}${reference.path}`)
  return { from, to: { kind: 'registry', reference: to.tag === undefined && tag !== undefined ? withTag(to, tag) : to } }
}

const mirrorImage = async (engine: Engine, mirror: Mirror, pair: Pair, options: MirrorOptions): Promise<MirrorResult> => {
  const { from, to } = pair
  const named = { from: formatLocation(from), to: formatLocation(to) }
  const { platforms, referrers } = mirror
  try {
    const isCurrent = (await wantedDigest(engine, mirror, pair, options)) === (await digestAt(engine, to, options))
    if (isCurrent && !referrers) return { outcome: 'current', ...named }
    if (options.dryRun === true) return { outcome: isCurrent ? 'current' : 'planned', ...named }
    let changed = !isCurrent
    const onEvent = (event: CopyEvent): void => {
      changed ||= event.kind === 'done' || event.kind === 'mounted'
      options.onEvent?.(event)
    }
    await copyImage(engine, from, to, { platforms, referrers, onEvent, ...abortable(options) })
    return { outcome: changed ? 'copied' : 'current', ...named }
  } catch (error) {
    throwIfAborted(options.signal)
    return { outcome: 'failed', ...named, error }
  }
}

/** What the target's name should point at: HEAD, and with platforms the index too. */
const wantedDigest = async (engine: Engine, { platforms }: Mirror, { from }: Pair, options: Abortable): Promise<Digest> => {
  const repository = (await engine.registry()).repository(from.reference)
  const root = await repository.resolve(manifestReference(from.reference), abortable(options))
  return (await choosePlatforms(repository, root, { platforms, ...abortable(options) })).target.digest
}

const digestAt = async (engine: Engine, to: Pair['to'], options: Abortable): Promise<Digest | undefined> => {
  if (to.kind === 'layout' && !isLayoutFolder(to.path)) return undefined
  try {
    const { place, reference } = await openPlace(engine, to)
    return (await place.resolve(reference, abortable(options))).digest
  } catch (error) {
    if (isGantryError(error, 'not_found')) return undefined
    throw error
  }
}

const sourceName = ({ source }: Mirror): string => (source.kind === 'registry' ? source.domain : familiarName(source.reference))

const targetName = (target: MirrorTarget): string =>
  target.kind === 'prefix' ? `${target.domain}/${target.path}` : formatLocation(target)
