import { posix } from 'node:path'
import { bytesAsText } from '../../layers/tree/byte-text.ts'
import { resolvePath } from '../tree/resolve-path.ts'
import { joinPath, nameOf, parentOf, type Tree } from '../tree/tree.ts'
import { isBuiltFor, type NodePlatform } from './platform-fit.ts'
import type { SelectedPackage, Selection } from './select-packages.ts'
import { SelectedTree } from './selected-tree.ts'

/** The layers of a packed image that hold packages, by how rarely they change and for how many platforms they are the same. */
export type Tier = 'dependencies' | 'native dependencies' | 'local dependencies'

export const tiers: readonly Tier[] = ['dependencies', 'native dependencies', 'local dependencies']

export interface PackageLayers {
  readonly trees: Readonly<Record<Tier, SelectedTree>>
  readonly counts: Readonly<Record<Tier, number>>
  /** Commands by the path of their symlink, `node_modules/.bin/NAME`, and the paths of their scripts. */
  readonly commands: ReadonlyMap<string, string>
  /** Packages whose compiled files are all for other platforms, `name@version`. */
  readonly foreign: readonly string[]
}

export interface LayersOptions {
  readonly selection: Selection
  readonly project: string
  readonly platform: NodePlatform
  /** All files of the project. */
  readonly files: Tree
  /** Those of its own folders that belong into an image. */
  readonly code: Tree
}

/** Puts packages into layers, with the symlinks that lead to them and the commands that they bring. */
export const layersOf = async ({ selection, project, platform, files, code }: LayersOptions): Promise<PackageLayers> => {
  const trees = {
    dependencies: new SelectedTree(files),
    'native dependencies': new SelectedTree(files),
    'local dependencies': new SelectedTree(files),
  }
  const counts = { dependencies: 0, 'native dependencies': 0, 'local dependencies': 0 }
  const tierOf = new Map<string, Tier>()
  const foreign: string[] = []
  for (const one of [...selection.packages.values()].toSorted((a, b) => (a.folder < b.folder ? -1 : 1))) {
    const tier = await tierFor(one, files, platform, foreign)
    tierOf.set(one.folder, tier)
    counts[tier]++
    trees[tier].addFolder(one.folder, {
      modules: one.manifest.bundled,
      ...(one.source === 'workspace' ? { tree: code } : {}),
    })
  }
  for (const [link, folder] of selection.links) trees[tierOf.get(folder) ?? 'local dependencies'].addLink(link)
  const commands = new Map<string, string>()
  for (const { link, target, script, folder } of await commandLinks(selection, project, files)) {
    if (commands.has(link)) continue
    const tree = trees[tierOf.get(folder) ?? 'dependencies']
    tree.putLink(link, target)
    tree.makeExecutable(joinPath(folder, script))
    commands.set(link, joinPath(parentOf(link), target))
  }
  return { trees, counts, commands: new Map([...commands].map(([link, path]) => [link, posix.normalize(path)])), foreign }
}

const tierFor = async (one: SelectedPackage, files: Tree, platform: NodePlatform, foreign: string[]): Promise<Tier> => {
  if (one.source === 'workspace') return 'local dependencies'
  const compiled = await compiledFiles(files, one.folder, one.manifest.bundled)
  const programs = one.manifest.installs ? await binFiles(files, one) : []
  if (compiled.length > 0 || programs.length > 0) {
    const fits: boolean[] = []
    for (const path of [...compiled, ...programs]) {
      const built = isBuiltFor(await headOf(files, path), platform)
      if (built !== undefined) fits.push(built)
    }
    if (fits.length > 0 && !fits.includes(true)) foreign.push(`${one.name}@${one.version}`)
  }
  if (one.forSome || compiled.length > 0 || one.manifest.installs) return 'native dependencies'
  return one.source === 'other' ? 'local dependencies' : 'dependencies'
}

/** Addons of Node.js below a folder. */
const compiledFiles = async (files: Tree, folder: string, bundled: boolean): Promise<readonly string[]> => {
  const found: string[] = []
  const pending = [folder]
  for (let path = pending.pop(); path !== undefined; path = pending.pop())
    for (const entry of await files.list(path)) {
      if (entry.kind === 'file' && entry.path.endsWith('.node')) found.push(entry.path)
      if (entry.kind !== 'folder' || (path === folder && !bundled && nameOf(entry.path) === 'node_modules')) continue
      pending.push(entry.path)
    }
  return found
}

const binFiles = async (files: Tree, { folder, manifest }: SelectedPackage): Promise<readonly string[]> => {
  const found: string[] = []
  for (const script of manifest.bin.values()) {
    const path = scriptPath(script)
    const entry = path === undefined ? undefined : await files.stat(joinPath(folder, path))
    if (entry?.kind === 'file') found.push(entry.path)
  }
  return found
}

/** The first bytes of a file. */
export const headOf = async (files: Tree, path: string): Promise<Buffer> => {
  const { entry } = await resolvePath(files, path)
  if (entry?.kind !== 'file') return Buffer.alloc(0)
  for await (const chunk of files.read(entry)) return Buffer.from(chunk.subarray(0, 256))
  return Buffer.alloc(0)
}

/** A script of `bin` as a path below its package, or undefined for one that leads elsewhere. */
const scriptPath = (script: string): string | undefined => {
  const path = bytesAsText(posix.normalize(script).replace(/^(?:\.?\/)+/, ''))
  return path === '' || path === '.' || path.startsWith('..') ? undefined : path
}

interface CommandLink {
  readonly link: string
  readonly target: string
  readonly script: string
  readonly folder: string
}

/**
 * The symlinks of node_modules/.bin, for the project and for the root, made anew: what package managers write there differs, and holds
 * paths of the machine. Commands of what the project itself depends on come first.
 */
const commandLinks = async (
  { packages, links, direct }: Selection,
  project: string,
  files: Tree,
): Promise<readonly CommandLink[]> => {
  const places = new Map([...packages.keys()].map((folder) => [folder, folder]))
  for (const [link, folder] of links) places.set(link, folder)
  const own = new Set(direct.values())
  const found: CommandLink[] = []
  for (const modules of new Set([joinPath(project, 'node_modules'), 'node_modules'])) {
    const inside = [...places]
      .filter(([place]) => place.startsWith(`${modules}/`) && /^(?:@[^/]+\/)?[^/]+$/.test(place.slice(modules.length + 1)))
      .toSorted(([a, first], [b, second]) => Number(own.has(second)) - Number(own.has(first)) || (a < b ? -1 : 1))
    for (const [place, folder] of inside)
      for (const [name, text] of packages.get(folder)?.manifest.bin ?? []) {
        const script = scriptPath(text)
        if (script === undefined || !/^[^/\\\0.][^/\\\0]*$/.test(name)) continue
        if ((await files.stat(joinPath(folder, script)))?.kind !== 'file') continue
        const target = `../${place.slice(modules.length + 1)}/${script}`
        found.push({ link: `${modules}/.bin/${bytesAsText(name)}`, target, script, folder })
      }
  }
  return found
}
