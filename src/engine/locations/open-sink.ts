import { readImage } from '../../content/image.ts'
import type { Image, ImageSink, ImageSource } from '../../content/interfaces.ts'
import { fullReference } from '../../content/layout-images.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import { formatReference, manifestReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { unpackImage } from '../images/unpack.ts'
import { unpackingSink } from '../images/unpacking-sink.ts'
import { formatLocation, type Location } from './location.ts'

/** A place that is open to be written to. */
export interface OpenedSink extends AsyncDisposable {
  readonly sink: ImageSink
  /** The name that the copy gets there: its digest where it gets none. */
  nameOf(target: Digest): string
  /** Makes what was copied last, for places that are written as a whole. */
  finish(): Promise<void>
}

/** What is going to be copied. */
export interface Incoming extends Abortable {
  readonly source: ImageSource
  readonly root: Descriptor
  /** Its full reference, which it keeps where the target does not name another. */
  readonly name?: string
  /** Repositories of the target's registry that have its blobs. */
  readonly mountFrom?: readonly string[]
}

const nothing = async (): Promise<void> => undefined

/** Opens where an image goes to; folders are made where they are missing. A target by digest is `invalid_argument`: only content has digests. */
export const openSink = async (engine: Engine, location: Location, incoming: Incoming): Promise<OpenedSink> => {
  refuseDigest(location)
  switch (location.kind) {
    case 'registry': {
      const { reference } = location
      const { mountFrom = [] } = incoming
      const repository = (await engine.registry()).repository(reference, { mountFrom })
      const tag = manifestReference(withDefaultTag(reference))
      return { sink: repository, nameOf: () => tag, finish: nothing, [Symbol.asyncDispose]: nothing }
    }
    case 'store':
      return await openStore(engine, location.name, incoming)
    case 'layout': {
      const { openLayout } = await import('../../content/layout.ts')
      const layout = await openLayout(location.path, { create: true })
      return {
        sink: layout,
        nameOf: (digest) => location.name ?? incoming.name ?? digest,
        finish: nothing,
        [Symbol.asyncDispose]: async () => await layout[Symbol.asyncDispose](),
      }
    }
    case 'archive':
      return await openArchive(engine, location, incoming)
    case 'folder': {
      const { openFlatFolder } = await import('../../content/flat-folder.ts')
      const sink = await openFlatFolder(location.path, { create: true })
      return { sink, nameOf: (digest) => digest, finish: nothing, [Symbol.asyncDispose]: nothing }
    }
  }
}

const refuseDigest = (location: Location): void => {
  const digest = location.kind === 'registry' ? location.reference.digest : 'name' in location ? location.name : undefined
  if (digest === undefined || !isDigest(digest)) return
  throw new GantryError(
    'invalid_argument',
    'TARGET_BY_DIGEST',
    `Cannot copy to "${formatLocation(location)}": a copy is named by a tag, its digest is that of the source`,
  )
}

const openArchive = async (
  engine: Engine,
  { format, path, name }: Extract<Location, { kind: 'archive' }>,
  incoming: Incoming,
): Promise<OpenedSink> => {
  const { openArchiveSink } = await import('../../content/archive/archive-sink.ts')
  const { writeOutput } = await import('../../content/output-file.ts')
  const sink = await openArchiveSink({ temporaryFolder: engine.path('tmp') })
  const named = format === 'docker' && name !== undefined ? formatReference(withDefaultTag(parseReference(name))) : name
  return {
    sink,
    nameOf: (digest) => named ?? incoming.name ?? digest,
    finish: async () => {
      const { signal } = incoming
      await writeOutput(
        path,
        await sink.archive({ platform: engine.options.platform, ...(signal === undefined ? {} : { signal }) }),
      )
    },
    [Symbol.asyncDispose]: async () => await sink[Symbol.asyncDispose](),
  }
}

/** The local store: what is copied into it is an image, and is made ready to run. */
const openStore = async (engine: Engine, text: string, incoming: Incoming): Promise<OpenedSink> => {
  const { source, root, name: ownName, ...abortable } = incoming
  const name = text === '' ? ownName : formatReference(withDefaultTag(parseReference(text)))
  const image = await readOwn(engine, source, root)
  const [store, layers] = await Promise.all([engine.content(), engine.layers()])
  const lease = await store.lease()
  return {
    sink: unpackingSink(store, layers, image),
    nameOf: (digest) => fullReference(name) ?? digest,
    finish: async () => await unpackImage(layers, store, image, abortable),
    [Symbol.asyncDispose]: async () => await lease[Symbol.asyncDispose](),
  }
}

const readOwn = async (engine: Engine, source: ImageSource, root: Descriptor): Promise<Image> => {
  try {
    return await readImage(source, root, { platform: engine.options.platform, fallback: 'any' })
  } catch (error) {
    if (!isGantryError(error) || error.code !== 'NOT_AN_IMAGE') throw error
    throw new GantryError(
      error.kind,
      error.code,
      `Cannot copy to the local store: "${root.digest}" is an artifact and no image`,
      {
        cause: error,
        hint: 'copy it to a registry or to an OCI layout (oci:FOLDER), or take its files with "gantry artifact pull"',
      },
    )
  }
}
