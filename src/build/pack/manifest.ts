import { GantryError, messageOf } from '../../lib/errors.ts'
import { entriesOf, isTrue, listOf, textOf, textsOf } from './values.ts'

/** What of a package.json counts for an image. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private: boolean
  readonly main: string
  /** Scripts by the names of their commands. */
  readonly bin: ReadonlyMap<string, string>
  readonly scripts: ReadonlyMap<string, string>
  readonly dependencies: ReadonlyMap<string, string>
  readonly optionalDependencies: ReadonlyMap<string, string>
  /** Those that are required. */
  readonly peerDependencies: ReadonlyMap<string, string>
  /** Whether the package brings dependencies along in its own node_modules. */
  readonly bundled: boolean
  /** What is published; undefined for everything. */
  readonly files: readonly string[] | undefined
  readonly engine: string
  readonly platforms: PackagePlatforms
  /** Whether something is run when it is installed. */
  readonly installs: boolean
  readonly workspaces: readonly string[]
  readonly packageManager: string
  readonly description: string
  readonly license: string
  readonly author: string
  readonly homepage: string
  readonly repository: string
}

/** Which platforms a package is for, in npm's words; empty lists for all. */
export interface PackagePlatforms {
  readonly os: readonly string[]
  readonly cpu: readonly string[]
  readonly libc: readonly string[]
}

/** Reads the os, cpu and libc of a package or of what a lockfile says of one. */
export const platformsOf = (fields: ReadonlyMap<string, unknown>): PackagePlatforms => ({
  os: listOf(fields.get('os')),
  cpu: listOf(fields.get('cpu')),
  libc: listOf(fields.get('libc')),
})

/** Reads a package.json that anybody may have written; fields of the wrong kind are not there. `invalid_argument` for what is no JSON object. */
export const parseManifest = (text: string, path: string): Manifest => {
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\u{feff}/u, ''))
  } catch (cause) {
    throw new GantryError('invalid_argument', 'MANIFEST_INVALID', `Cannot read "${path}": ${messageOf(cause)}`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GantryError('invalid_argument', 'MANIFEST_INVALID', `Cannot read "${path}": it is not a JSON object`)
  const fields = entriesOf(value)
  const name = textOf(fields.get('name'))
  const scripts = textsOf(fields.get('scripts'))
  const bundles = fields.get('bundleDependencies') ?? fields.get('bundledDependencies')
  const workspaces = fields.get('workspaces')
  const optionalPeers = entriesOf(fields.get('peerDependenciesMeta'))
  return {
    name,
    version: textOf(fields.get('version')),
    private: isTrue(fields.get('private')),
    main: textOf(fields.get('main')),
    bin: binOf(fields.get('bin'), name),
    scripts,
    dependencies: textsOf(fields.get('dependencies')),
    optionalDependencies: textsOf(fields.get('optionalDependencies')),
    peerDependencies: new Map(
      [...textsOf(fields.get('peerDependencies'))].filter(
        ([peer]) => !isTrue(entriesOf(optionalPeers.get(peer)).get('optional')),
      ),
    ),
    bundled: bundles === true || listOf(bundles).length > 0,
    files: Array.isArray(fields.get('files')) ? listOf(fields.get('files')) : undefined,
    engine: textOf(entriesOf(fields.get('engines')).get('node')),
    platforms: platformsOf(fields),
    installs: ['preinstall', 'install', 'postinstall'].some((one) => scripts.has(one)),
    workspaces: listOf(Array.isArray(workspaces) ? workspaces : entriesOf(workspaces).get('packages')),
    packageManager: textOf(fields.get('packageManager')).replace(/@.*$/, ''),
    description: textOf(fields.get('description')),
    license: textOf(fields.get('license')) || textOf(entriesOf(fields.get('license')).get('type')),
    author: authorOf(fields.get('author')),
    homepage: textOf(fields.get('homepage')),
    repository: textOf(fields.get('repository')) || textOf(entriesOf(fields.get('repository')).get('url')),
  }
}

/** One script has the name of the package, without its scope. */
const binOf = (value: unknown, name: string): ReadonlyMap<string, string> =>
  typeof value === 'string' ? new Map([[name.replace(/^@[^/]*\//, ''), value]]) : textsOf(value)

const authorOf = (value: unknown): string => {
  if (typeof value === 'string') return value
  const fields = entriesOf(value)
  const mail = textOf(fields.get('email'))
  return [textOf(fields.get('name')), mail === '' ? '' : `<${mail}>`].filter((part) => part !== '').join(' ')
}
