import { textFromBytes } from '../../layers/tree/byte-text.ts'
import { GantryError } from '../../lib/errors.ts'
import { shownPath } from '../tree/tree.ts'
import { isPackageName, type Lock, type LockedDependency, type LockedPackage } from './lock/lock.ts'
import type { Manifest } from './manifest.ts'
import type { ModuleFinder } from './module-finder.ts'
import { fitsPlatform, isForSome, type NodePlatform } from './platform-fit.ts'

/** A package that the image gets. */
export interface SelectedPackage {
  readonly name: string
  readonly version: string
  readonly source: LockedPackage['source']
  /** Where it is, without symlinks. */
  readonly folder: string
  readonly manifest: Manifest
  /** Whether it says that it is for some platforms only. */
  readonly forSome: boolean
}

export interface Selection {
  /** By folder. */
  readonly packages: ReadonlyMap<string, SelectedPackage>
  /** Symlinks that lead to them, and the folders where they lead. */
  readonly links: ReadonlyMap<string, string>
  /** Names that the project itself uses, and the folders of the packages. */
  readonly direct: ReadonlyMap<string, string>
  /** Optional packages for the platform that are not installed, `name@version`. */
  readonly missing: readonly MissingPackage[]
}

export interface MissingPackage {
  readonly name: string
  /** Whether the same for another platform is installed. */
  readonly elsewhere: boolean
}

export interface SelectOptions {
  readonly lock: Lock
  readonly finder: ModuleFinder
  /** The folder that is packed. */
  readonly project: string
  readonly platform: NodePlatform
}

const mostShown = 5
const mostPackages = 200_000

/**
 * What a project needs when it runs: from its package.json on, all that is required as the lockfile says, as it is installed. Neither
 * what is only for development, nor what is for other platforms, nor what nothing asks for. Throws `failed_precondition` where what is
 * installed is not what is locked.
 */
export const selectPackages = async (options: SelectOptions): Promise<Selection> => await new Selector(options).select()

class Selector {
  readonly #options: SelectOptions
  readonly #packages = new Map<string, SelectedPackage>()
  readonly #links = new Map<string, string>()
  readonly #direct = new Map<string, string>()
  /** By name, with the package that asks for them. */
  readonly #missing = new Map<string, string>()
  /** Packages of which something optional for another platform is installed. */
  readonly #elsewhere = new Set<string>()
  readonly #wrong: string[] = []
  readonly #pending: { readonly locked: LockedPackage; readonly folder: string }[] = []

  constructor(options: SelectOptions) {
    this.#options = options
  }

  async select(): Promise<Selection> {
    const { project } = this.#options
    const locked = await this.#importer(project)
    this.#pending.push({ locked, folder: project })
    const seen = new Set([project])
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop())
      for (const dependency of next.locked.dependencies) {
        const folder = await this.#take(next.locked, next.folder, dependency, seen)
        if (folder !== undefined && next.folder === project) this.#direct.set(dependency.alias, folder)
      }
    if (this.#wrong.length > 0) throw this.#notInstalled()
    if (this.#options.lock.manager === 'pnpm') await this.#takeHoisted()
    const missing = [...this.#missing].map(([name, from]) => ({ name, elsewhere: this.#elsewhere.has(from) }))
    return {
      packages: this.#packages,
      links: this.#links,
      direct: this.#direct,
      missing: missing.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    }
  }

  /** pnpm's links for packages that use what they do not declare. */
  async #takeHoisted(): Promise<void> {
    const { finder } = this.#options
    for (const link of await finder.linksIn('node_modules/.pnpm/node_modules')) {
      const found = await finder.follow(link)
      if (found !== undefined && this.#packages.has(found.folder)) this.#links.set(link, found.folder)
    }
  }

  async #importer(path: string): Promise<LockedPackage> {
    const { lock, finder } = this.#options
    const manifest = await finder.manifest(path)
    const found = manifest === undefined ? undefined : lock.importer(textFromBytes(path).text, manifest)
    if (found !== undefined) return found
    throw new GantryError('failed_precondition', 'NOT_LOCKED', `Cannot pack "${path}": the lockfile does not know it`, {
      hint: `run ${lock.manager} install`,
    })
  }

  /** Takes one dependency of a package, and answers the folder where it is. */
  async #take(from: LockedPackage, folder: string, dependency: LockedDependency, seen: Set<string>): Promise<string | undefined> {
    const { lock, finder, platform } = this.#options
    const { alias, optional, peer } = dependency
    if (!isPackageName(alias))
      throw new GantryError(
        'invalid_argument',
        'PACKAGE_NAME',
        `Cannot pack ${JSON.stringify(alias)}: it is no name of a package`,
      )
    const locked = lock.resolve(from, dependency)
    if (locked === undefined) {
      if (!optional && !peer) this.#wrong.push(`${alias}@${dependency.wanted} is not in the lockfile`)
      return undefined
    }
    if (optional && !fitsPlatform(locked.platforms, platform)) {
      if ((await finder.find(folder, alias)) !== undefined) this.#elsewhere.add(from.key)
      return undefined
    }
    const found = await finder.find(folder, alias)
    const manifest = found === undefined ? undefined : await finder.manifest(found.folder)
    if (found === undefined || manifest === undefined) {
      if (optional && isForSome(locked.platforms)) this.#missing.set(named(alias, locked.version), from.key)
      if (!optional && !peer) this.#wrong.push(`${named(alias, locked.version)} is not installed`)
      return undefined
    }
    // a lockfile of yarn's first version does not say for which platforms a package is
    if (optional && !fitsPlatform(manifest.platforms, platform)) {
      this.#elsewhere.add(from.key)
      return undefined
    }
    if (locked.source !== 'workspace' && locked.version !== '' && manifest.version !== locked.version)
      this.#wrong.push(`${alias} is installed as ${manifest.version || 'no version'} instead of ${locked.version}`)
    for (const link of found.links) this.#links.set(link, found.folder)
    if (!seen.has(found.folder)) {
      seen.add(found.folder)
      await this.#add(alias, locked, found.folder, manifest)
    }
    return found.folder
  }

  async #add(alias: string, locked: LockedPackage, folder: string, manifest: Manifest): Promise<void> {
    const { source } = locked
    if (this.#packages.size >= mostPackages)
      throw new GantryError('resource_exhausted', 'TOO_MANY', `Cannot pack: there are more than ${mostPackages} packages`)
    if (source !== 'workspace' && !/(?:^|\/)node_modules\//.test(folder))
      throw new GantryError(
        'failed_precondition',
        'NOT_A_MODULE',
        `Cannot pack ${alias}: it is locked as ${locked.version}, but installed as a link to "${shownPath(folder).slice(1)}"`,
        { hint: `run ${this.#options.lock.manager} install` },
      )
    this.#packages.set(folder, {
      name: manifest.name === '' ? alias : manifest.name,
      version: manifest.version,
      source,
      folder,
      manifest,
      forSome: isForSome(locked.platforms) || isForSome(manifest.platforms),
    })
    const { lock } = this.#options
    // of a folder of the project its own package.json counts
    const own = source === 'workspace' ? lock.importer(textFromBytes(folder).text, manifest) : undefined
    this.#pending.push({ locked: own ?? locked, folder })
  }

  #notInstalled(): GantryError {
    const { lock } = this.#options
    const shown = this.#wrong.slice(0, mostShown).join('; ')
    const more = this.#wrong.length - mostShown
    const command = { npm: 'npm ci', pnpm: 'pnpm install --frozen-lockfile', yarn: 'yarn install --frozen-lockfile' }[
      lock.manager
    ]
    return new GantryError(
      'failed_precondition',
      'NOT_INSTALLED',
      `Cannot pack: node_modules is not what the lockfile says: ${shown}${more > 0 ? `; and ${more} more` : ''}`,
      { hint: `run ${command}` },
    )
  }
}

const named = (alias: string, version: string): string => (version === '' ? alias : `${alias}@${version}`)
