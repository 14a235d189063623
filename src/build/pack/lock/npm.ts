import { messageOf } from '../../../lib/errors.ts'
import { platformsOf } from '../manifest.ts'
import { entriesOf, isTrue, textOf, textsOf } from '../values.ts'
import { lockInvalid, lockOutdated } from './lock-error.ts'
import { dependenciesOf, type Lock, type LockedPackage } from './lock.ts'

/**
 * Reads npm's package-lock.json or npm-shrinkwrap.json, versions 2 and 3: packages by where they are in the project, so that what a
 * package gets is found as Node.js finds it, in the node_modules above it.
 */
export const parseNpmLock = (text: string, file: string): Lock => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw lockInvalid(file, messageOf(cause), { cause })
  }
  const packages = entriesOf(entriesOf(value).get('packages'))
  if (packages.size === 0)
    throw lockInvalid(file, 'it has no "packages"', { hint: 'npm 7 and later write them: run npm install with one' })
  const read = new Map<string, LockedPackage>()
  const at = (path: string): LockedPackage | undefined => {
    if (!packages.has(path)) return undefined
    const known = read.get(path) ?? lockedAt(path, entriesOf(packages.get(path)))
    read.set(path, known)
    return known
  }
  /** Follows a link to the folder that it stands for. */
  const linked = (path: string): LockedPackage | undefined => {
    const fields = entriesOf(packages.get(path))
    return isTrue(fields.get('link')) ? at(textOf(fields.get('resolved'))) : at(path)
  }
  return {
    manager: 'npm',
    importers: [...packages.keys()].filter((path) => !isInstalled(path)),
    importer: (path, manifest) => {
      const found = isInstalled(path) ? undefined : at(path)
      if (found === undefined) return undefined
      const fields = entriesOf(packages.get(path))
      for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies'] as const) {
        const locked = new Map([...textsOf(fields.get('optionalDependencies')), ...textsOf(fields.get(kind))])
        for (const [alias, wanted] of manifest[kind])
          if (locked.get(alias) !== wanted) throw lockOutdated('npm', path, alias, wanted)
      }
      return found
    },
    resolve: ({ key }, { alias }) => {
      for (let folder: string | undefined = key; folder !== undefined; folder = above(folder)) {
        const path = `${folder === '' ? '' : `${folder}/`}node_modules/${alias}`
        if (packages.has(path)) return linked(path)
      }
      return undefined
    },
  }
}

const isInstalled = (path: string): boolean => /(?:^|\/)node_modules\//.test(path)

const above = (folder: string): string | undefined => {
  if (folder === '') return undefined
  const parent = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))
  return parent.endsWith('/node_modules') || parent === 'node_modules' ? parent.slice(0, -'/node_modules'.length) : parent
}

const lockedAt = (key: string, fields: ReadonlyMap<string, unknown>): LockedPackage => {
  const resolved = textOf(fields.get('resolved'))
  // what a package brings along has no address of its own
  const fromRegistry = /^https?:\/\//.test(resolved) || resolved === ''
  const peers = textsOf(fields.get('peerDependencies'))
  const meta = entriesOf(fields.get('peerDependenciesMeta'))
  return {
    key,
    version: textOf(fields.get('version')),
    source: !isInstalled(key) ? 'workspace' : fromRegistry ? 'registry' : 'other',
    platforms: platformsOf(fields),
    dependencies: dependenciesOf(
      textsOf(fields.get('dependencies')),
      textsOf(fields.get('optionalDependencies')),
      new Map([...peers].filter(([peer]) => !isTrue(entriesOf(meta.get(peer)).get('optional')))),
    ),
  }
}
