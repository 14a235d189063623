import { join } from 'node:path'
import { isGantryError } from '../../lib/errors.ts'
import type { Environment } from '../../lib/http/proxy.ts'
import { parseReference } from '../../oci/reference.ts'
import { fieldsOf, listConfiguration, parseToml, readConfiguration, unusable, type Table } from './configuration-file.ts'
import type { Mirror, Place, Route, Routing } from './route.ts'

interface Location {
  /** `host:port/a/b` */
  readonly location: string
  readonly insecure: boolean
}

interface MirrorEntry extends Location, Pick<Mirror, 'tags' | 'content'> {}

/** A `[[registry]]` table of containers-registries.conf(5). */
export interface RegistryEntry extends Location {
  readonly file: string
  /** A host, a host and the beginning of a path, or `*.` and the end of a host. */
  readonly prefix: string
  readonly blocked: boolean
  readonly mirrors: readonly MirrorEntry[]
}

const locationOf = (text: string | undefined, file: string): string => {
  if (text?.includes('://') === true) throw unusable(file, `the location "${text}" must be without a scheme`)
  return text?.replace(/\/+$/, '') ?? ''
}

const uses: Readonly<Record<string, Pick<Mirror, 'tags' | 'content'>>> = {
  all: { tags: true, content: true },
  'digest-only': { tags: false, content: true },
  'tag-only': { tags: true, content: 'tagged' },
}

const mirrorOf = (table: Table, file: string, byDigestOnly: boolean): MirrorEntry => {
  const { text, flag } = fieldsOf(table, file, 'registry.mirror.')
  const asked = text('pull-from-mirror') || 'all'
  if (byDigestOnly && asked !== 'all') throw unusable(file, 'pull-from-mirror must not stand beside mirror-by-digest-only')
  const use = uses[byDigestOnly ? 'digest-only' : asked]
  if (use === undefined) throw unusable(file, `pull-from-mirror is "${asked}", not all, digest-only or tag-only`)
  const location = locationOf(text('location'), file)
  if (location === '') throw unusable(file, 'a mirror needs a location')
  return { location, insecure: flag('insecure') ?? false, ...use }
}

const entryOf = (table: Table, file: string): RegistryEntry => {
  const { text, flag, tables } = fieldsOf(table, file, 'registry.')
  const location = locationOf(text('location'), file)
  const prefix = locationOf(text('prefix'), file) || location
  if (prefix === '') throw unusable(file, 'a registry needs a prefix or a location')
  if (prefix.slice(1).includes('*') || (prefix.startsWith('*') && !/^\*\.[^/:]+$/.test(prefix)))
    throw unusable(file, `the prefix "${prefix}" must be a name, or "*." and the end of a host`)
  return {
    file,
    prefix,
    location,
    insecure: flag('insecure') ?? false,
    blocked: flag('blocked') ?? false,
    mirrors: tables('mirror').map((mirror) => mirrorOf(mirror, file, flag('mirror-by-digest-only') ?? false)),
  }
}

// the files that distributions ship hold comments and short names only: no reason to load a parser
const saysNothing = (text: string): boolean => !/^\s*(?:\[\[\s*["']?registry\b|["']?registry["']?\s*=\s*\[)/m.test(text)

/** The `[[registry]]` tables of one file. */
export const parseRegistriesConf = async (text: string, file: string): Promise<readonly RegistryEntry[]> => {
  if (saysNothing(text)) return []
  const tables = fieldsOf(await parseToml(text, file), file).tables('registry')
  return tables.map((table) => entryOf(table, file))
}

/** How much of a name the prefix stands for, or -1 if it does not fit. */
const matchedLength = (name: string, prefix: string): number => {
  if (prefix.startsWith('*.')) {
    const host = name.slice(0, name.indexOf('/'))
    return host.replace(/:\d+$/, '').endsWith(prefix.slice(1)) ? host.length : -1
  }
  return name.startsWith(prefix) && (name.length === prefix.length || name[prefix.length] === '/') ? prefix.length : -1
}

const placeAt = (location: Location, rest: string, file: string): Place => {
  const name = `${location.location}${rest}`
  try {
    // as a user would write it: Docker Hub's `library/` is added
    const { domain, path } = parseReference(rest === '/' ? `${name}x` : name)
    return { domain, path: rest === '/' ? '' : path, ...(location.insecure && { endpoint: { tlsVerify: false } }) }
  } catch (error) {
    throw isGantryError(error) ? unusable(file, `the location "${location.location}" makes "${name}" of an image's name`) : error
  }
}

/** Of the entries the one with the longest prefix that fits, as a route. */
export const routeByEntries = (entries: readonly RegistryEntry[], domain: string, path: string): Route | undefined => {
  const name = `${domain}/${path}`
  const [entry] = entries
    .filter(({ prefix }) => matchedLength(name, prefix) >= 0)
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
  if (entry === undefined) return undefined
  const { file, insecure } = entry
  if (entry.blocked) return { kind: 'blocked', file }
  const rest = name.slice(matchedLength(name, entry.prefix))
  const asNamed: Place = { domain, path, ...(insecure && { endpoint: { tlsVerify: false } }) }
  return {
    kind: 'places',
    file,
    mirrors: entry.mirrors.map((mirror) => ({
      ...placeAt(mirror, rest, file),
      tags: mirror.tags,
      content: mirror.content,
    })),
    origin: entry.location === '' ? asNamed : placeAt(entry, rest, file),
    // rewriting is for reading (containers-registries.conf(5))
    push: asNamed,
  }
}

/**
 * Reads the files in podman's order: the user's file and drop-ins, or else the machine's file and drop-ins with the user's drop-ins
 * after them. `CONTAINERS_REGISTRIES_CONF` takes the place of the machine's file. A later entry replaces one of the same prefix.
 */
export const readRegistriesConf = async (
  { CONTAINERS_REGISTRIES_CONF: given, REGISTRIES_CONFIG_PATH: older }: Environment,
  userFolder: string | undefined,
  machineFolder: string,
): Promise<readonly RegistryEntry[]> => {
  const explicit = given || older
  const own = userFolder && !explicit ? await readConfiguration(join(userFolder, 'registries.conf')) : undefined
  const main = own === undefined ? explicit || join(machineFolder, 'registries.conf') : join(userFolder ?? '', 'registries.conf')
  const folders = [...(own === undefined ? [machineFolder] : []), ...(userFolder ? [userFolder] : [])]
  const dropIns = await Promise.all(folders.map(async (folder) => await listConfiguration(join(folder, 'registries.conf.d'))))
  const files = [main, ...dropIns.flat().filter((file) => file.endsWith('.conf'))]
  const texts = await Promise.all(files.map(async (file) => (file === main ? own : undefined) ?? (await readConfiguration(file))))
  if (explicit && texts[0] === undefined) throw unusable(main, 'CONTAINERS_REGISTRIES_CONF names it, and it is not there')
  const entries = new Map<string, RegistryEntry>()
  for (const [index, file] of files.entries())
    for (const entry of await parseRegistriesConf(texts[index] ?? '', file)) entries.set(entry.prefix, entry)
  return [...entries.values()]
}

/** podman's configuration as a routing; the files are read when it is first asked. */
export const registriesConfRouting = (...where: Parameters<typeof readRegistriesConf>): Routing => {
  let entries: Promise<readonly RegistryEntry[]> | undefined
  return async (domain, path) => routeByEntries(await (entries ??= readRegistriesConf(...where)), domain, path)
}
