import { resolve } from 'node:path'
import { parseLocation, type Location } from '../engine/locations/location.ts'
import { parsePlatform } from '../oci/platform.ts'
import type { Platform } from '../oci/descriptor.ts'
import type { CliContext } from './command.ts'

/** A location that a user typed, its path from the folder where the user is. */
export const locationArgument = (context: CliContext, text: string): Location => {
  const location = parseLocation(text)
  return 'path' in location ? { ...location, path: resolve(context.folder, location.path) } : location
}

/** `--platform`, several times or with commas; `all` is the same as none. */
export const platformsFlag = (context: CliContext, values: readonly string[]): readonly Platform[] =>
  values
    .flatMap((value) => value.split(','))
    .filter((text) => text !== '' && text !== 'all')
    .map((text) => parsePlatform(text, context.engine.options.platform))
