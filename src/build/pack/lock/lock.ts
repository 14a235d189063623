import type { Manifest, PackagePlatforms } from '../manifest.ts'

export type PackageManager = 'npm' | 'pnpm' | 'yarn'

/** A package as a lockfile has it. */
export interface LockedPackage {
  /** What the lockfile calls it. */
  readonly key: string
  /** Its version; '' where the lockfile does not say. */
  readonly version: string
  /** Whether it comes from a registry, from a folder of the project, or from elsewhere: a repository, an archive. */
  readonly source: 'registry' | 'workspace' | 'other'
  readonly platforms: PackagePlatforms
  readonly dependencies: readonly LockedDependency[]
}

export interface LockedDependency {
  /** The name that it is required by. */
  readonly alias: string
  /** The range that was asked for, or what the lockfile calls the package. */
  readonly wanted: string
  readonly optional: boolean
  /** Whether a package may do without it being installed. */
  readonly peer: boolean
}

/** A lockfile that was read. */
export interface Lock {
  readonly manager: PackageManager
  /** The folders that it installs for, relative to where it is; '' for that. */
  readonly importers: readonly string[]
  /** Such a folder as a package, or undefined if it is none; `invalid_argument` if its package.json asks for what is not locked. */
  importer(path: string, manifest: Manifest): LockedPackage | undefined
  /** What a dependency of a package is. */
  resolve(from: LockedPackage, dependency: LockedDependency): LockedPackage | undefined
}

/** Names that npm allows, and a few that it used to: no path leads out of node_modules by them. */
export const isPackageName = (name: string): boolean =>
  name.length <= 214 && /^(?:@[^/\\\0@]+\/)?[^/\\\0.@][^/\\\0]*$/.test(name) && !/^(?:@\.{1,2}\/|node_modules$)/.test(name)

/** Dependencies of a package, optional ones last; what is named twice is optional. */
export const dependenciesOf = (
  required: ReadonlyMap<string, string>,
  optional: ReadonlyMap<string, string>,
  peers: ReadonlyMap<string, string> = new Map(),
): readonly LockedDependency[] => [
  ...[...required].filter(([alias]) => !optional.has(alias)).map(dependency({ optional: false, peer: false })),
  ...[...peers]
    .filter(([alias]) => !optional.has(alias) && !required.has(alias))
    .map(dependency({ optional: false, peer: true })),
  ...[...optional].map(dependency({ optional: true, peer: false })),
]

const dependency =
  (kind: Pick<LockedDependency, 'optional' | 'peer'>) =>
  ([alias, wanted]: readonly [string, string]): LockedDependency => ({ alias, wanted, ...kind })
