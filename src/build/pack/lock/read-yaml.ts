import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { messageOf } from '../../../lib/errors.ts'
import { writeFileAtomic } from '../../../lib/files.ts'
import { forgetOldest } from '../../forget-oldest.ts'
import { hashOf } from '../../graph.ts'
import { lockInvalid } from './lock-error.ts'

/** Lockfiles whose content is known. */
const mostKnown = 20

/**
 * The last document of a YAML file, all scalars as text. What a large one says is kept as JSON, by its digest: that is read thirty
 * times faster, and a lockfile changes rarely.
 */
export const readYaml = async (text: string, file: string, cacheFolder: string): Promise<unknown> => {
  const folder = join(cacheFolder, 'lockfiles')
  const place = join(folder, `${hashOf(text)}.json`)
  const known = await readKnown(place)
  if (known !== undefined) return known
  const { FAILSAFE_SCHEMA, loadAll } = await import('js-yaml')
  let document: unknown
  try {
    document = loadAll(text, { schema: FAILSAFE_SCHEMA }).at(-1)
  } catch (cause) {
    throw lockInvalid(file, messageOf(cause).split('\n')[0] ?? '', { cause })
  }
  const json = asJson(document, file)
  await writeFileAtomic(place, json, 0o600, false)
  await forgetOldest(folder, mostKnown)
  return document
}

const readKnown = async (place: string): Promise<unknown> => {
  try {
    return JSON.parse(await readFile(place, 'utf8')) as unknown
  } catch {
    return undefined
  }
}

/** A document that has itself within it through an alias is no lockfile, and one that has parts thousands of times neither. */
const asJson = (document: unknown, file: string): string => {
  try {
    const json = JSON.stringify(document, limited(2_000_000))
    return json ?? 'null'
  } catch (cause) {
    throw lockInvalid(file, 'it refers to itself', { cause })
  }
}

const limited = (most: number): ((key: string, value: unknown) => unknown) => {
  let count = 0
  return (_key, value) => {
    if (++count > most) throw new RangeError('too large')
    return value
  }
}
