import type { ImageArchive, ImageSource } from '../../content/interfaces.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { formatReference, manifestReference, withDefaultTag } from '../../oci/reference.ts'
import { fullReference } from '../../content/layout-images.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Engine } from '../engine.ts'
import type { Location } from './location.ts'

/** Lists what refers to a digest. */
export type ListReferrers = (
  subject: Digest,
  options?: Abortable & { readonly artifactType?: string },
) => Promise<readonly Descriptor[]>

/** A place that is open to be read from, and the one image in it that a location names. */
export interface OpenedSource extends AsyncDisposable {
  readonly source: ImageSource
  /** What `source.resolve` finds the image by. */
  readonly reference: string
  /** The image's full reference, where it has one. */
  readonly name?: string
  readonly referrers: ListReferrers
}

/**
 * Opens where an image comes from. `leaving`: it goes to somewhere else than the local store, so what of it was built here is
 * compressed first.
 */
export const openSource = async (
  engine: Engine,
  location: Location,
  options: Abortable & { readonly leaving?: boolean } = {},
): Promise<OpenedSource> => {
  switch (location.kind) {
    case 'registry': {
      const { reference } = location
      const repository = (await engine.registry()).repository(reference)
      return {
        source: repository,
        reference: manifestReference(reference),
        name: formatReference(withDefaultTag(reference)),
        referrers: async (subject, options) => await repository.referrers(subject, options),
        ...nothingToClose,
      }
    }
    case 'store':
      return await openStore(engine, location.name, options)
    case 'layout': {
      const { openLayout } = await import('../../content/layout.ts')
      return await archiveSource(await openLayout(location.path), location.name)
    }
    case 'archive': {
      const { openArchive } = await import('../../content/archive/open-archive.ts')
      const archive = await openArchive(location.path, { temporaryFolder: engine.path('tmp'), ...options })
      return await archiveSource(archive, location.format === 'docker' ? dockerName(location.name) : location.name)
    }
    case 'folder': {
      const { openFlatFolder } = await import('../../content/flat-folder.ts')
      const source = await openFlatFolder(location.path)
      return { source, reference: '', referrers: async () => [], ...nothingToClose }
    }
  }
}

const nothingToClose: AsyncDisposable = {
  async [Symbol.asyncDispose]() {
    // connections belong to the engine
  },
}

/** docker's archives have full names only. */
const dockerName = (name: string | undefined): string | undefined =>
  name === undefined ? undefined : (fullReference(name) ?? `docker.io/library/${name}:latest`)

const archiveSource = async (archive: ImageArchive, reference = ''): Promise<OpenedSource> => {
  const known = reference === '' ? (await archive.images()).find((image) => image.name !== undefined)?.name : undefined
  const name = known ?? fullReference(reference)
  const referrers: ListReferrers = async (subject, { artifactType } = {}) => {
    const { archiveReferrers } = await import('../../content/archive-referrers.ts')
    const found = await archiveReferrers(archive, subject)
    return artifactType === undefined ? found : found.filter((entry) => entry.artifactType === artifactType)
  }
  return {
    source: archive,
    reference,
    ...(name === undefined ? {} : { name }),
    referrers,
    [Symbol.asyncDispose]: async () => await archive[Symbol.asyncDispose](),
  }
}

/** An image by whatever `inspect` finds it by, or an index that has no image of this machine's store: by its name. */
const openStore = async (
  engine: Engine,
  text: string,
  options: Abortable & { readonly leaving?: boolean },
): Promise<OpenedSource> => {
  const { findStored } = await import('./find-stored.ts')
  const store = await engine.content()
  const lease = await store.lease()
  try {
    const { target, name } = await findStored(engine, text, options)
    return {
      source: store,
      reference: target.digest,
      ...(name === undefined ? {} : { name }),
      referrers: async () => [],
      [Symbol.asyncDispose]: async () => await lease[Symbol.asyncDispose](),
    }
  } catch (error) {
    await lease[Symbol.asyncDispose]()
    throw error
  }
}
