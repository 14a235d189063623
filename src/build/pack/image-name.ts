import { posix } from 'node:path'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Manifest } from './manifest.ts'

/** What an image is called after its package: `@acme/api` 1.2.0 is `acme/api:1.2.0`. `invalid_argument` where that is no name of an image. */
export const imageName = ({ name, version }: Pick<Manifest, 'name' | 'version'>, folder: string): string => {
  const repository = (name === '' ? posix.basename(folder) : name.replace(/^@/, '')).toLowerCase()
  const tag = version.replaceAll('+', '-')
  const text = tag === '' ? repository : `${repository}:${tag}`
  try {
    return formatReference(withDefaultTag(parseReference(text)))
  } catch (cause) {
    if (!isGantryError(cause, 'invalid_argument')) throw cause
    throw new GantryError('invalid_argument', 'NAME_INVALID', `Cannot name the image "${text}": that is no name of an image`, {
      cause,
      hint: 'give it one with --tag',
    })
  }
}
