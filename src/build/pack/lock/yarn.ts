import { posix } from 'node:path'
import { platformsOf, type PackagePlatforms } from '../manifest.ts'
import { entriesOf, isTrue, textOf, textsOf } from '../values.ts'
import { lockOutdated } from './lock-error.ts'
import { dependenciesOf, type Lock, type LockedPackage } from './lock.ts'

type Fields = ReadonlyMap<string, unknown>

export interface YarnProject {
  /** The workspaces by name, as package.json files have them, with the folders that they are in. */
  readonly workspaces: ReadonlyMap<string, string>
  /** `resolutions` of the package.json beside the lockfile. */
  readonly resolutions: ReadonlyMap<string, string>
}

/** The entries of a yarn.lock that newer yarn writes: YAML, with all scalars as text. */
export const berryEntries = (document: unknown): ReadonlyMap<string, Fields> => {
  const entries = new Map<string, Fields>()
  for (const [keys, value] of entriesOf(document))
    if (keys !== '__metadata') for (const key of keys.split(/,\s*/)) entries.set(key, entriesOf(value))
  return entries
}

/**
 * Makes a lock of the entries of a yarn.lock, which have a key for each range that was asked for. What is for which folder of the
 * project does not stand there, but in their package.json files.
 */
export const createYarnLock = (entries: ReadonlyMap<string, Fields>, { workspaces, resolutions }: YarnProject): Lock => {
  const read = new Map<Fields, LockedPackage>()
  const forced = new Map([...resolutions].map(([pattern, range]) => [forcedName(pattern), range]))

  const find = (alias: string, wanted: string): Fields | undefined => {
    const range = forced.get(alias)
    for (const one of [wanted, ...(range === undefined ? [] : [range])]) {
      const found = entries.get(`${alias}@${one}`) ?? entries.get(`${alias}@npm:${one}`)
      if (found !== undefined) return found
    }
    return undefined
  }

  const workspace = (path: string): LockedPackage => ({
    key: path,
    version: '',
    source: 'workspace',
    platforms: platformsOf(new Map()),
    dependencies: [],
  })

  return {
    manager: 'yarn',
    importers: [...new Set(['', ...workspaces.values()])],
    importer: (path, manifest) => {
      if (path !== '' && ![...workspaces.values()].includes(path)) return undefined
      for (const kind of ['dependencies', 'optionalDependencies'] as const)
        for (const [alias, wanted] of manifest[kind])
          if (find(alias, wanted) === undefined && !workspaces.has(alias) && !/^(?:link|portal|file):/.test(wanted))
            throw lockOutdated('yarn', path, alias, wanted)
      return { ...workspace(path), dependencies: dependenciesOf(manifest.dependencies, manifest.optionalDependencies) }
    },
    resolve: (from, { alias, wanted }) => {
      const fields = find(alias, wanted)
      if (fields === undefined) {
        const path = workspaces.get(alias)
        if (path !== undefined) return workspace(path)
        const [, folder] = /^(?:link|portal|file):(.*)$/.exec(wanted) ?? []
        return folder === undefined ? undefined : workspace(posix.join(from.source === 'workspace' ? from.key : '', folder))
      }
      const [, place] = /@(?:workspace|link|portal):([^:]*)/.exec(textOf(fields.get('resolution'))) ?? []
      if (place !== undefined) return workspace(place === '.' ? '' : place)
      const known = read.get(fields) ?? packageOf(`${alias}@${wanted}`, fields)
      read.set(fields, known)
      return known
    },
  }
}

/** The package that a key of `resolutions` is about: the last of `a/b`, without its range. */
const forcedName = (pattern: string): string => /(?:@[^/@]+\/)?[^/@]+(?=(?:@[^/]*)?$)/.exec(pattern)?.[0] ?? pattern

const packageOf = (key: string, fields: Fields): LockedPackage => {
  const meta = entriesOf(fields.get('dependenciesMeta'))
  const all = textsOf(fields.get('dependencies'))
  const isOptional = (alias: string): boolean => isTrue(entriesOf(meta.get(alias)).get('optional'))
  return {
    key,
    version: textOf(fields.get('version')),
    source: isFromRegistry(fields) ? 'registry' : 'other',
    platforms: conditionsOf(textOf(fields.get('conditions'))),
    dependencies: dependenciesOf(
      new Map([...all].filter(([alias]) => !isOptional(alias))),
      new Map([...[...all].filter(([alias]) => isOptional(alias)), ...textsOf(fields.get('optionalDependencies'))]),
    ),
  }
}

const isFromRegistry = (fields: Fields): boolean => {
  const resolution = textOf(fields.get('resolution'))
  if (resolution !== '') return /@(?:npm|patch):/.test(resolution)
  const resolved = textOf(fields.get('resolved'))
  return /^https?:\/\/[^#]*\.tgz(?:#|$)/.test(resolved) && !resolved.startsWith('https://codeload.github.com/')
}

/** `os=linux & cpu=x64`, or `(os=darwin | os=linux)`. */
const conditionsOf = (text: string): PackagePlatforms => {
  const values = (key: string): readonly string[] =>
    [...text.matchAll(/(\w+)=(!?[\w-]+)/g)].flatMap(([, name, value = '']) => (name === key ? [value] : []))
  return { os: values('os'), cpu: values('cpu'), libc: values('libc') }
}
