import { resolve } from 'node:path'
import { titleOf, type ArtifactFile } from '../engine/artifacts/pack-file.ts'
import { GantryError } from '../lib/errors.ts'
import type { CliContext } from './command.ts'

/** `FILE[:TYPE]`, where the type is a media type. */
export const fileArgument = (context: CliContext, text: string): ArtifactFile => {
  const found = /^(.+):([\w.+-]+\/[\w.+-]+)$/.exec(text)
  const [path = text, mediaType] = found === null ? [text] : [found[1], found[2]]
  const file = { path: resolve(context.folder, path), title: titleOf(path) }
  return mediaType === undefined ? file : { ...file, mediaType }
}

/** `KEY=VALUE`, given several times. */
export const annotationsFlag = (values: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    values.map((text) => {
      const equals = text.indexOf('=')
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)]
      throw new GantryError('invalid_argument', 'USAGE', `invalid annotation "${text}": it must be KEY=VALUE`)
    }),
  )
