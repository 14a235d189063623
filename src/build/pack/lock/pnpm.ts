import { posix } from 'node:path'
import { platformsOf } from '../manifest.ts'
import { entriesOf, textOf, textsOf } from '../values.ts'
import { lockInvalid, lockOutdated } from './lock-error.ts'
import { dependenciesOf, type Lock, type LockedPackage } from './lock.ts'

/** What pnpm calls packages: version 9 of its lockfiles in one way, version 6 in another. */
interface Naming {
  /** The key of the package that a reference names. */
  readonly keyOf: (alias: string, reference: string) => string
  /** The version in a key without peers. */
  readonly versionIn: (key: string) => string
}

const withoutPeers = (key: string): string => key.replace(/\(.*$/s, '')

const version9: Naming = {
  keyOf: (alias, reference) => {
    const at = reference.indexOf('@', 1)
    const [colon, bracket] = [reference.indexOf(':'), reference.indexOf('(')]
    const named = at > 0 && (colon < 0 || at < colon) && (bracket < 0 || at < bracket)
    return reference.startsWith('@') || named ? reference : `${alias}@${reference}`
  },
  versionIn: (key) => key.slice(key.indexOf('@', 1) + 1),
}

const version6: Naming = {
  keyOf: (alias, reference) => (/^[^(]*[/:]/.test(reference) ? reference : `/${alias}@${reference}`),
  versionIn: (key) => (key.startsWith('/') ? key.slice(key.indexOf('@', 2) + 1) : ''),
}

/** Makes a lock of what was read out of a pnpm-lock.yaml of version 6 or 9, with all scalars as text. */
export const readPnpmLock = (document: unknown, file: string): Lock => {
  const fields = entriesOf(document)
  const version = textOf(fields.get('lockfileVersion'))
  const naming = version.startsWith('9.') ? version9 : version.startsWith('6.') ? version6 : undefined
  if (naming === undefined)
    throw lockInvalid(file, `version "${version}" is not known`, { hint: 'versions 6 and 9 are, which pnpm 8 and later write' })
  const packages = entriesOf(fields.get('packages'))
  const snapshots = naming === version9 ? entriesOf(fields.get('snapshots')) : packages
  const importers = new Map(
    [...entriesOf(fields.get('importers') ?? { '.': document })].map(([path, one]) => [normal(path), one]),
  )
  const read = new Map<string, LockedPackage>()

  const lockedAs = (key: string): LockedPackage | undefined => {
    if (!snapshots.has(key)) return undefined
    const known =
      read.get(key) ??
      packageOf(key, entriesOf(snapshots.get(key)), entriesOf(packages.get(withoutPeers(key)) ?? packages.get(key)), naming)
    read.set(key, known)
    return known
  }

  const importer = (path: string): LockedPackage => {
    const one = entriesOf(importers.get(path))
    const references = (kind: string): ReadonlyMap<string, string> =>
      new Map(
        [...entriesOf(one.get(kind))].map(([alias, entry]) => [alias, textOf(entriesOf(entry).get('version')) || textOf(entry)]),
      )
    return {
      key: importerKey(path),
      version: '',
      source: 'workspace',
      platforms: platformsOf(new Map()),
      dependencies: dependenciesOf(references('dependencies'), references('optionalDependencies')),
    }
  }

  return {
    manager: 'pnpm',
    importers: [...importers.keys()],
    importer: (path, manifest) => {
      if (!importers.has(path)) return undefined
      const one = entriesOf(importers.get(path))
      for (const kind of ['dependencies', 'optionalDependencies'] as const)
        for (const [alias, wanted] of manifest[kind]) {
          const optional = entriesOf(one.get('optionalDependencies')).has(alias)
          const entry = entriesOf(entriesOf(one.get(optional ? 'optionalDependencies' : kind)).get(alias))
          const specifier = entry.get('specifier') ?? entriesOf(fields.get('specifiers')).get(alias)
          // a catalog's range stands elsewhere
          if (specifier === undefined || (specifier !== wanted && !isReplaced(fields, alias)))
            throw lockOutdated('pnpm', path, alias, wanted)
        }
      return importer(path)
    },
    resolve: (from, { alias, wanted }) => {
      if (!wanted.startsWith('link:')) return lockedAs(naming.keyOf(alias, wanted))
      const path = normal(posix.join(pathOfKey(from.key), wanted.slice('link:'.length)))
      if (importers.has(path)) return importer(path)
      return { key: importerKey(path), version: '', source: 'workspace', platforms: platformsOf(new Map()), dependencies: [] }
    },
  }
}

const importerKey = (path: string): string => `link:${path}`
const pathOfKey = (key: string): string => (key.startsWith('link:') ? key.slice('link:'.length) : '')
const normal = (path: string): string => posix.normalize(path).replace(/^\.?\/?$|\/$/g, '')

/** Whether `overrides` put another range in the place of one. */
const isReplaced = (fields: ReadonlyMap<string, unknown>, alias: string): boolean =>
  [...entriesOf(fields.get('overrides')).keys()].some((key) => key === alias || key.startsWith(`${alias}@`))

const packageOf = (
  key: string,
  snapshot: ReadonlyMap<string, unknown>,
  facts: ReadonlyMap<string, unknown>,
  { versionIn }: Naming,
): LockedPackage => {
  const resolution = entriesOf(facts.get('resolution'))
  const registry = resolution.has('integrity') && !resolution.has('tarball') && !resolution.has('directory')
  return {
    key,
    version: textOf(facts.get('version')) || (registry ? versionIn(withoutPeers(key)) : ''),
    source: registry ? 'registry' : 'other',
    platforms: platformsOf(facts),
    dependencies: dependenciesOf(textsOf(snapshot.get('dependencies')), textsOf(snapshot.get('optionalDependencies'))),
  }
}
