import { posix } from 'node:path'
import { bytesAsText, textFromBytes } from '../../layers/tree/byte-text.ts'
import { GantryError } from '../../lib/errors.ts'
import { pretendedTime } from '../../oci/creation-time.ts'
import type { Platform } from '../../oci/descriptor.ts'
import type { HistoryEntry } from '../../oci/image-config.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { internalStep } from '../events.ts'
import { imageTime } from '../execute/sources.ts'
import type { Frontend, FrontendServices, PlannedBuild, PlannedImage } from '../frontend.ts'
import { createVertex, type Vertex } from '../graph.ts'
import type { ResolvedImage } from '../plan/plan.ts'
import { FolderTree } from '../tree/folder-tree.ts'
import { resolvePath } from '../tree/resolve-path.ts'
import type { Tree } from '../tree/tree.ts'
import { codeFiles, secretsIn } from './code-files.ts'
import { defaultBase } from './default-base.ts'
import { findEntrypoint, type BinCommand, type Entrypoint } from './entrypoint.ts'
import { headOf, layersOf, tiers, type PackageLayers } from './layers-of.ts'
import { ModuleFinder } from './module-finder.ts'
import type { Project } from './open-project.ts'
import { packConfig } from './pack-config.ts'
import { nodePlatform, type NodePlatform } from './platform-fit.ts'
import { selectPackages, type Selection } from './select-packages.ts'
import { SelectedTree } from './selected-tree.ts'

export interface PackOptions {
  /** A reference; default: the official slim image of the Node.js that package.json asks for. */
  readonly base?: string
  /** Default: the base image's if that is a number and not root, else 1000. */
  readonly user?: string
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly expose: readonly string[]
  readonly entrypoint?: readonly string[]
  /** SOURCE_DATE_EPOCH: the date of the image, and the time of the project's own files. */
  readonly epoch?: number
}

/** What a packed image is made of, for whoever reads it; known when it is planned. */
export interface PackSummary {
  readonly platform: Platform
  readonly base: string
  /** The layers over the base image, in order; `packages` is absent for the project's own code. */
  readonly layers: readonly { readonly title: string; readonly packages?: number }[]
  readonly entrypoint: Entrypoint
  readonly user: string
}

/** Where projects are in images. */
const target = '/app'

/** Plans an image of a Node.js project; `onPlanned` is told of each image, `onWarning` of what should be looked at. */
export const packFrontend = (
  project: Project,
  options: PackOptions,
  tell: { readonly onPlanned: (summary: PackSummary) => void; readonly onWarning: (message: string) => void },
): Frontend => ({
  name: `pack ${project.path}`,
  plan: async (services) => await new Packer(project, options, services, tell).plan(),
})

interface PlatformFiles {
  readonly selection: Selection
  readonly layers: PackageLayers
  readonly code: Tree
  readonly own: SelectedTree
}

class Packer {
  readonly #project: Project
  readonly #options: PackOptions
  readonly #services: FrontendServices
  readonly #tell: Parameters<typeof packFrontend>[2]
  readonly #trees = new Map<string, Tree>()
  readonly #warned = new Set<string>()
  /** The folder that is packed, a character a byte. */
  readonly #folder: string

  constructor(project: Project, options: PackOptions, services: FrontendServices, tell: Parameters<typeof packFrontend>[2]) {
    this.#project = project
    this.#options = options
    this.#services = services
    this.#tell = tell
    this.#folder = bytesAsText(project.path)
  }

  async plan(): Promise<PlannedBuild> {
    const { platforms, digestsOf, onEvent } = this.#services
    const { root, manifest, lockFile } = this.#project
    const base = this.#options.base ?? (await defaultBase(manifest.engine))
    const digests = digestsOf(root)
    const files = new FolderTree(root, { digests })
    const finder = new ModuleFinder(files)
    const images: PlannedImage[] = []
    for (const platform of platforms) {
      const image = await this.#services.resolveImage(base, platform)
      const suffix = platforms.length > 1 ? ` for ${formatPlatform(platform)}` : ''
      const found = await internalStep(onEvent, `[internal] compare node_modules with ${lockFile}${suffix}`, async () => {
        const node = nodePlatform(platform, base)
        const selection = await selectPackages({ lock: this.#project.lock, finder, project: this.#folder, platform: node })
        const workspaces = [...selection.packages.values()].filter(({ source }) => source === 'workspace')
        const folders = [
          { path: this.#folder, manifest },
          ...workspaces.map((one) => ({ path: one.folder, manifest: one.manifest })),
        ]
        const code = await codeFiles(root, files, folders, digests)
        const layers = await layersOf({ selection, project: this.#folder, platform: node, files, code })
        this.#checkPlatform(platform, node, selection, layers)
        return { selection, layers, code, own: this.#ownCode(code, files) }
      })
      images.push(await this.#image(platform, image, files, found))
    }
    return { images, tree: async (name) => this.#treeNamed(name) }
  }

  #treeNamed(name: string | undefined): Tree {
    const tree = this.#trees.get(name ?? '')
    if (tree === undefined) throw new GantryError('internal', 'NO_TREE', `Cannot pack: there are no files "${name}"`)
    return tree
  }

  #warn(message: string): void {
    if (this.#warned.has(message)) return
    this.#warned.add(message)
    this.#tell.onWarning(message)
  }

  /** The folder that is packed, without other workspaces in it. */
  #ownCode(code: Tree, files: Tree): SelectedTree {
    const own = new SelectedTree(files)
    own.addFolder(this.#folder, { modules: false, tree: code })
    for (const path of this.#project.lock.importers) if (path !== this.#project.path) own.leaveOut(bytesAsText(path))
    return own
  }

  /** Refuses packages that are not there for the platform, or only compiled for another one. */
  #checkPlatform(platform: Platform, node: NodePlatform, { missing }: Selection, { foreign }: PackageLayers): void {
    const absent = missing.filter(({ elsewhere }) => elsewhere).map(({ name }) => name)
    const wrong = [
      ...(absent.length === 0 ? [] : [`not installed for it: ${shownList(absent)}`]),
      ...(foreign.length === 0 ? [] : [`compiled for another platform: ${shownList(foreign)}`]),
    ]
    if (wrong.length > 0)
      throw new GantryError(
        'failed_precondition',
        'PLATFORM_MISSING',
        `Cannot pack for ${formatPlatform(platform)} (${node.libc}): ${wrong.join('; ')}`,
        { hint: installHint(this.#project.lock.manager, node, absent.length > 0) },
      )
    const omitted = missing.filter(({ elsewhere }) => !elsewhere).map(({ name }) => name)
    if (omitted.length > 0) this.#warn(`optional packages are not installed: ${shownList(omitted)}`)
  }

  async #image(platform: Platform, base: ResolvedImage, files: Tree, found: PlatformFiles): Promise<PlannedImage> {
    const { path, manifest } = this.#project
    const { epoch, user, env, labels, expose } = this.#options
    const { config = {}, history = [], rootfs, created: _created, author, ...rest } = base.image.config
    const entrypoint = await this.#entrypoint(config.Entrypoint ?? [], files, found)
    for (const warning of entrypoint.warnings) this.#warn(warning)
    const secrets = await secretsIn(files, found.code, this.#folder)
    if (secrets.length > 0) this.#warn(`left out, as it may hold secrets: ${shownList(secrets)}`)
    const { vertex, added, layers } = this.#layers(platform, base, found)
    const folder = posix.join(target, path)
    const bins = [...new Set([folder, target])].map((one) => `${one}/node_modules/.bin`)
    const planned = packConfig({
      base: config,
      manifest,
      folder,
      entrypoint,
      path: found.layers.commands.size === 0 ? [] : bins,
      user,
      env,
      labels,
      expose,
    })
    const missing = rootfs.diff_ids.length - history.filter((entry) => entry.empty_layer !== true).length
    const padding: readonly HistoryEntry[] = Array.from({ length: Math.max(0, missing) }, () => ({}))
    this.#tell.onPlanned({ platform, base: base.name, layers, entrypoint, user: planned.User ?? '' })
    return {
      files: vertex,
      config: planned,
      ...(author === undefined ? {} : { author }),
      history: [...[...history, ...padding].map((entry) => ({ entry, inherited: true })), ...added],
      base: rest,
      epoch: epoch ?? imageTime(base.image.config),
    }
  }

  /** The layers over the base image: each is copied as a whole, with times that are the same everywhere. */
  #layers(
    platform: Platform,
    base: ResolvedImage,
    { layers: { trees, counts }, own }: PlatformFiles,
  ): { readonly vertex: Vertex; readonly added: PlannedImage['history']; readonly layers: PackSummary['layers'] } {
    const several = this.#services.platforms.length > 1
    const parts = [
      ...tiers.flatMap((tier) => (trees[tier].empty ? [] : [{ title: tier, tree: trees[tier], packages: counts[tier] }])),
      { title: 'code', tree: own, time: this.#options.epoch },
    ]
    const stage = several ? `pack ${formatPlatform(platform)}` : 'pack'
    const label = (position: number, text: string): string => `[${stage} ${position}/${parts.length + 1}] ${text}`
    const image = { kind: 'image', manifest: base.image.descriptor.digest } as const
    let vertex: Vertex = createVertex(image, [], { label: label(1, `FROM ${base.name}`), base })
    const added = []
    for (const [index, { title, tree, ...rest }] of parts.entries()) {
      const name = `${title} for ${formatPlatform(platform)}`
      this.#trees.set(name, tree)
      const context = createVertex({ kind: 'context', name }, [], { label: `[internal] load ${title}` })
      vertex = createVertex(
        {
          kind: 'copy',
          from: [{ kind: 'input', index: 1, path: '/', unpack: false }],
          destination: `${target}/`,
          exclude: [],
          link: true,
          time: ('time' in rest ? rest.time : undefined) ?? pretendedTime,
        },
        [vertex, context],
        { label: label(index + 2, `COPY ${title}`) },
      )
      added.push({
        inherited: false,
        stage: 'pack',
        entry: { created_by: `COPY ${title} ${target} # gantry pack`, comment: 'gantry.pack.v0' },
      })
    }
    const layers = parts.map(({ title, ...rest }) => ({ title, ...('packages' in rest ? { packages: rest.packages } : {}) }))
    return { vertex, added, layers }
  }

  async #entrypoint(base: readonly string[], files: Tree, { layers, own }: PlatformFiles): Promise<Entrypoint> {
    const given = this.#options.entrypoint
    if (given !== undefined) return { words: given, variables: [], from: '--entrypoint', shell: false, warnings: [] }
    const first = base[0] ?? ''
    const entrypoint = await findEntrypoint({
      manifest: this.#project.manifest,
      project: this.#project.path,
      target,
      // images without a shell often have it where PATH does not lead
      node: posix.isAbsolute(first) && posix.basename(first) === 'node' ? first : 'node',
      bin: async (name) => await this.#command(name, files, layers),
      script: async (path) => await scriptAt(path.includes('node_modules/') ? files : own, path),
      absence: async (path) =>
        (await scriptAt(files, path)) === undefined
          ? 'which does not exist'
          : 'which "files" of package.json, an ignore file or the list of what is never packed leaves out',
    })
    if (entrypoint.shell && first.startsWith('/') && posix.basename(first) === 'node')
      this.#warn(`${entrypoint.from} needs a shell, which this base image may not have: give --entrypoint, or another --base`)
    return entrypoint
  }

  async #command(name: string, files: Tree, { commands }: PackageLayers): Promise<BinCommand | undefined> {
    for (const folder of new Set([this.#folder, ''])) {
      const path = commands.get(posix.join(folder, 'node_modules/.bin', bytesAsText(name)))
      if (path === undefined) continue
      const head = (await headOf(files, path)).toString('latin1')
      return { path: textFromBytes(path).text, node: /^#!.*\bnode\b/.test(head) || /\.[cm]?js$/.test(path) }
    }
    return undefined
  }
}

/** The file that Node.js takes for a path. */
const scriptAt = async (tree: Tree, path: string): Promise<string | undefined> => {
  const bytes = bytesAsText(posix.normalize(path))
  for (const suffix of ['', '.js', '.mjs', '.cjs', '.json', '/index.js', '/index.mjs', '/index.cjs']) {
    const { entry } = await resolvePath(tree, `${bytes}${suffix}`)
    if (entry?.kind === 'file') return textFromBytes(`${bytes}${suffix}`).text
  }
  return undefined
}

const mostShown = 8

const shownList = (names: readonly string[]): string =>
  `${names.slice(0, mostShown).join(', ')}${names.length > mostShown ? ` and ${names.length - mostShown} more` : ''}`

const installHint = (manager: Project['lock']['manager'], { os, cpu, libc }: NodePlatform, absent: boolean): string => {
  const flags = `--os=${os} --cpu=${cpu}${os === 'linux' ? ` --libc=${libc}` : ''}`
  if (absent && manager === 'yarn')
    return `set supportedArchitectures in .yarnrc.yml to os ${os}, cpu ${cpu}, libc ${libc}, and run yarn install`
  if (absent) return `run ${manager} install ${flags}`
  return `pack on a machine of that platform, or use a version of the package that brings it compiled`
}
