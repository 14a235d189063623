import { parseJson } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import { asList, asRecord, asString, at, isAbsent, type Place } from '../../oci/json-shape.ts'
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { TarFiles } from './tar-files.ts'

/** An image in the `manifest.json` of a docker archive: names of files in the archive, layers base first. */
export interface DockerArchiveImage {
  readonly config: string
  /** Full normalised references. */
  readonly names: readonly string[]
  readonly layers: readonly string[]
}

const sizeLimit = 16 << 20
const imageLimit = 10_000

/** The images that `manifest.json` of a docker archive lists (moby image/tarexport); none if there is no such file. */
export const readDockerManifest = (files: TarFiles): readonly DockerArchiveImage[] => {
  const file = files.find('manifest.json')
  if (file === undefined) return []
  const what = 'manifest.json of the archive'
  return asList({ what, path: '', value: parseJson(files.read(file, sizeLimit), what) }, imageLimit, readImage)
}

const readImage = (place: Place): DockerArchiveImage => {
  asRecord(place)
  const strings = (key: string): readonly string[] => {
    const list = at(place, key)
    return isAbsent(list) ? [] : asList(list, imageLimit, asString)
  }
  return { config: asString(at(place, 'Config')), names: strings('RepoTags').map(fullName), layers: strings('Layers') }
}

const fullName = (text: string): string => {
  try {
    return formatReference(withDefaultTag(parseReference(text)))
  } catch (cause) {
    throw new GantryError(
      'invalid_argument',
      'ARCHIVE_NAME',
      `Cannot read the archive: ${JSON.stringify(text.slice(0, 200))} is no image name`,
      {
        cause,
      },
    )
  }
}
