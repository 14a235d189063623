import type { ImageSink, ImageSource } from '../../content/interfaces.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { manifestReference } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { formatLocation, type Location } from './location.ts'

/** A place whose images can be read and added to at once: a repository or a layout. */
export interface OpenedPlace {
  readonly place: ImageSource & ImageSink
  /** What the location names there. */
  readonly reference: string
}

/** Opens a registry's repository or an OCI layout folder, which is made where it is missing with `create`. */
export const openPlace = async (
  engine: Engine,
  location: Location,
  options: { readonly create?: boolean } = {},
): Promise<OpenedPlace> => {
  if (location.kind === 'registry') {
    const { reference } = location
    const place = (await engine.registry()).repository(reference, { mountFrom: [] })
    return { place, reference: manifestReference(reference) }
  }
  if (location.kind === 'layout') {
    const { openLayout } = await import('../../content/layout.ts')
    return { place: await openLayout(location.path, options), reference: location.name ?? '' }
  }
  throw new GantryError(
    'unsupported',
    'PLACE_UNSUPPORTED',
    `Cannot add to "${formatLocation(location)}": only registries and OCI layouts take artifacts`,
    { hint: 'write NAME[:TAG] or oci:FOLDER[:TAG]' },
  )
}

/** What the location names. */
export const resolvePlace = async ({ place, reference }: OpenedPlace, options: Abortable): Promise<Descriptor> =>
  await place.resolve(reference, options)
