import { configError, parseConfigFile, type ConfigFile } from '../../lib/config-file.ts'
import { isGantryError, messageOf } from '../../lib/errors.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { asList, asRecord, asString, at, isAbsent, shapeError, type Place } from '../../oci/json-shape.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { isDomain } from '../../oci/reference-grammar.ts'
import { parseLocation } from '../locations/location.ts'
import type { Mirror, MirrorSource, MirrorTarget } from './mirror.ts'
import { parsePattern, type NameFilter } from './pattern.ts'
import { parseRange, type TagFilter } from './select-tags.ts'

const mirrorLimit = 10_000

/**
 * Reads a mirror file, TOML or JSON: tables `[[mirror]]` with `source`, or `registry` and `repositories`, and with `target`, `tags`
 * (`allow`, `deny`, `range`, `newest`), `platforms`, `referrers`; `[defaults]` has the last three for all. A mistake is an
 * `invalid_argument` error with its line and key.
 */
export const readMirrorFile = async (name: string, text: string, host: Platform): Promise<readonly Mirror[]> => {
  const file = await parseConfigFile(name, text)
  try {
    const root: Place = { what: 'it', path: '', value: file.value }
    onlyKeys(file, root, ['defaults', 'mirror'])
    const defaults = at(root, 'defaults')
    if (!isAbsent(defaults)) onlyKeys(file, defaults, ['tags', 'platforms', 'referrers'])
    const mirrors = asList(at(root, 'mirror'), mirrorLimit, (place) => readMirror(file, place, defaults, host))
    if (mirrors.length === 0) throw configError(file, 'mirror', 'has no entries')
    return mirrors
  } catch (error) {
    const detail = isGantryError(error) ? error.detail : undefined
    if (typeof detail !== 'object' || detail === null || !('path' in detail) || !('reason' in detail)) throw error
    throw configError(file, String(detail.path), String(detail.reason))
  }
}

const readMirror = (file: ConfigFile, place: Place, defaults: Place, host: Platform): Mirror => {
  onlyKeys(file, place, ['source', 'registry', 'repositories', 'target', 'tags', 'platforms', 'referrers'])
  const own = (key: string): Place => (isAbsent(at(place, key)) ? at(defaults, key) : at(place, key))
  const source = readSource(file, place)
  const platforms = own('platforms')
  const referrers = own('referrers')
  return {
    source,
    target: checked(file, at(place, 'target'), (text) => parseTarget(text, source)),
    tags: readTags(file, own('tags')),
    platforms: isAbsent(platforms)
      ? []
      : asList(platforms, 100, (one) => checked(file, one, (text) => parsePlatform(text, host))),
    referrers: isAbsent(referrers) ? false : asBoolean(referrers),
  }
}

const readSource = (file: ConfigFile, place: Place): MirrorSource => {
  const [source, registry] = [at(place, 'source'), at(place, 'registry')]
  if (isAbsent(source) === isAbsent(registry)) throw configError(file, place.path, 'has to have either "source" or "registry"')
  if (!isAbsent(source)) return checked(file, source, parseSource)
  const repositories = readFilter(file, at(place, 'repositories'), [])
  return { kind: 'registry', domain: checked(file, registry, parseDomain), repositories }
}

const parseDomain = (text: string): string => {
  if (isDomain(text)) return text
  throw new Error('is not the host of a registry')
}

/** `NAME` for a repository, `NAME:TAG` or `NAME@DIGEST` for one image. */
export const parseSource = (text: string): MirrorSource => {
  const location = parseLocation(text)
  if (location.kind !== 'registry') throw new Error('is not in a registry')
  const { reference } = location
  return { kind: reference.tag === undefined && reference.digest === undefined ? 'repository' : 'image', reference }
}

/** Where a source may go. */
export const parseTarget = (text: string, source: MirrorSource): MirrorTarget => {
  if (source.kind === 'registry') {
    const slash = text.indexOf('/')
    const domain = parseDomain(slash === -1 ? text : text.slice(0, slash))
    return { kind: 'prefix', domain, path: slash === -1 ? '' : text.slice(slash + 1).replace(/\/*$/, '/') }
  }
  const location = parseLocation(text)
  if (location.kind === 'layout') return location
  if (location.kind !== 'registry') throw new Error('is neither a repository nor an OCI layout (oci:FOLDER)')
  if (location.reference.digest !== undefined || (source.kind === 'repository' && location.reference.tag !== undefined))
    throw new Error('has a tag or digest, but the source is a whole repository')
  return location
}

const readTags = (file: ConfigFile, place: Place): TagFilter => {
  const [range, newest] = [at(place, 'range'), at(place, 'newest')]
  return {
    ...readFilter(file, place, ['range', 'newest']),
    ...(isAbsent(range) ? {} : { range: checked(file, range, (text) => (parseRange(text), text)) }),
    ...(isAbsent(newest) ? {} : { newest: asNumber(newest) }),
  }
}

const readFilter = (file: ConfigFile, place: Place, more: readonly string[]): NameFilter => {
  if (!isAbsent(place)) onlyKeys(file, place, ['allow', 'deny', ...more])
  const patterns = (key: string): readonly string[] => {
    const list = at(place, key)
    return isAbsent(list) ? [] : asList(list, mirrorLimit, (one) => checked(file, one, (text) => (parsePattern(text), text)))
  }
  return { allow: patterns('allow'), deny: patterns('deny') }
}

const asBoolean = (place: Place): boolean => {
  if (typeof place.value !== 'boolean') throw shapeError(place, 'true or false')
  return place.value
}

const asNumber = (place: Place): number => {
  if (typeof place.value !== 'number' || !Number.isInteger(place.value) || place.value < 1)
    throw shapeError(place, 'a whole number of 1 or more')
  return place.value
}

/** A string, read by a function whose errors get the place. */
const checked = <T>(file: ConfigFile, place: Place, read: (text: string) => T): T => {
  const text = asString(place)
  try {
    return read(text)
  } catch (error) {
    const reason = isGantryError(error) ? `is wrong: ${error.message}` : messageOf(error)
    throw configError(file, place.path, reason, isGantryError(error) ? error.hint : undefined)
  }
}

const onlyKeys = (file: ConfigFile, place: Place, known: readonly string[]): void => {
  for (const key of Object.keys(asRecord(place)))
    if (!known.includes(key)) throw configError(file, at(place, key).path, 'is not known here', `${known.join(', ')} are known`)
}
