import { GantryError } from '../lib/errors.ts'
import type { Platform } from '../oci/descriptor.ts'
import { parsePlatform } from '../oci/platform.ts'
import type { CliContext } from './command.ts'

/** `--platform`, where exactly one can be chosen. */
export const onePlatform = (context: CliContext, text: string | undefined): { readonly platform?: Platform } =>
  text === undefined ? {} : { platform: parsePlatform(text, context.engine.options.platform) }

/** `--platform` given any number of times, with commas in between or not; `all` stands for itself and for everything. */
export const severalPlatforms = (context: CliContext, texts: readonly string[]): readonly Platform[] | 'all' => {
  const words = texts.flatMap((text) => text.split(',')).map((word) => word.trim())
  if (words.includes('all')) {
    if (words.length === 1) return 'all'
    throw new GantryError('invalid_argument', 'USAGE', '--platform all cannot be combined with other platforms')
  }
  return words.map((word) => parsePlatform(word, context.engine.options.platform))
}
