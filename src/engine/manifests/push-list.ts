import { copy } from '../../content/copy.ts'
import type { CopyEvent } from '../../content/interfaces.ts'
import { streamOf, type Abortable } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { describe, type Index } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import type { Engine } from '../engine.ts'
import { parseLocation, type Location } from '../locations/location.ts'
import { openSink } from '../locations/open-sink.ts'
import { openSource } from '../locations/open-source.ts'
import { encodeList, familiar, needList, removeList, type ManifestList } from './manifest-list.ts'

export interface PushListOptions extends Abortable {
  /** Where it goes; by default to the registry that its name says. */
  readonly to?: Location
  /** Forget the list afterwards. */
  readonly purge?: boolean
  readonly onEvent?: (event: CopyEvent) => void
}

/** Sends a list: its members from where they are, what of them the target lacks, then the index. Answers the index. */
export const pushList = async (engine: Engine, text: string, options: PushListOptions = {}): Promise<Descriptor> => {
  const { to, purge = false, ...copying } = options
  const list = await needList(engine, text)
  const target = to ?? parseLocation(familiar(list.name))
  const bytes = encodeList(list)
  const { mediaType = mediaTypes.ociIndex } = JSON.parse(bytes.toString('utf8')) as Index
  const descriptor = describe(bytes, mediaType)
  const store = await engine.content()
  await using _lease = await store.lease()
  await using sink = await openSink(engine, target, {
    ...copying,
    source: store,
    root: descriptor,
    name: list.name,
    mountFrom: mountCandidates(list, target),
  })
  for (const entry of list.entries) {
    const from = list.origins.get(entry.digest)?.from
    await using opened = from === undefined ? undefined : await openSource(engine, parseLocation(from), copying)
    await copy(opened?.source ?? store, sink.sink, { ...copying, from: bare(entry) }).catch((error: unknown) => {
      throw missing(list, entry, error)
    })
  }
  if (!(await sink.sink.has(descriptor, copying))) await sink.sink.write(descriptor, streamOf(bytes), copying)
  await sink.sink.tag(sink.nameOf(descriptor.digest), descriptor, copying)
  await sink.finish()
  if (purge) await removeList(engine, list)
  return descriptor
}

const bare = ({ mediaType, digest, size }: Descriptor): Descriptor => ({ mediaType, digest, size })

const missing = (list: ManifestList, { digest }: Descriptor, error: unknown): unknown => {
  if (!(error instanceof GantryError) || error.kind !== 'not_found') return error
  return new GantryError(
    error.kind,
    error.code,
    `Cannot push "${familiar(list.name)}": its image ${digest} is gone: ${error.message}`,
    {
      cause: error,
      hint: `add it again with "gantry manifest add", or take it out: gantry manifest remove ${familiar(list.name)} ${digest}`,
    },
  )
}

const mountCandidates = ({ origins }: ManifestList, target: Location): readonly string[] => {
  if (target.kind !== 'registry') return []
  const { domain, path } = target.reference
  const froms = [...origins.values()].flatMap(({ from }) => (from === undefined ? [] : [parseLocation(from)]))
  const paths = froms.flatMap((one) =>
    one.kind === 'registry' && one.reference.domain === domain && one.reference.path !== path ? [one.reference.path] : [],
  )
  return [...new Set(paths)].slice(0, 8)
}
