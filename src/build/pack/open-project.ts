import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join, posix, relative } from 'node:path'
import { GantryError, systemCode } from '../../lib/errors.ts'
import { matchGlob, parseGlob } from '../glob.ts'
import type { Lock, PackageManager } from './lock/lock.ts'
import { lockInvalid } from './lock/lock-error.ts'
import { parseNpmLock } from './lock/npm.ts'
import { readPnpmLock } from './lock/pnpm.ts'
import { readYaml } from './lock/read-yaml.ts'
import { parseClassicLock } from './lock/yarn-classic.ts'
import { berryEntries, createYarnLock } from './lock/yarn.ts'
import { parseManifest, type Manifest } from './manifest.ts'
import { entriesOf, textsOf } from './values.ts'

/** A project with a lockfile. */
export interface Project {
  /** The folder of the lockfile. */
  readonly root: string
  /** The folder that is packed, from there on; '' for the root. */
  readonly path: string
  readonly manifest: Manifest
  readonly lock: Lock
  /** The lockfile's name. */
  readonly lockFile: string
}

export interface OpenOptions {
  readonly folder: string
  /** The workspace to pack: its name, or its folder. */
  readonly workspace?: string
  /** Where what lockfiles say is kept. */
  readonly cacheFolder: string
}

const fileLimit = 128 * 1024 * 1024
const mostFolders = 20_000

/** Lockfiles by who writes them, and what else tells that they are in use. */
const lockFiles: readonly (readonly [string, PackageManager, string])[] = [
  ['npm-shrinkwrap.json', 'npm', 'node_modules/.package-lock.json'],
  ['package-lock.json', 'npm', 'node_modules/.package-lock.json'],
  ['pnpm-lock.yaml', 'pnpm', 'node_modules/.modules.yaml'],
  ['yarn.lock', 'yarn', 'node_modules/.yarn-state.yml'],
  ['yarn.lock', 'yarn', 'node_modules/.yarn-integrity'],
]

/** Finds the project that a folder is, or is a workspace of, and reads its lockfile. */
export const openProject = async ({ folder, workspace, cacheFolder }: OpenOptions): Promise<Project> => {
  const start = projectFolder(folder)
  let reason: GantryError | undefined
  for (let root = start; ; root = dirname(root)) {
    const lockFile = lockFileIn(root)
    if (lockFile !== undefined) {
      const lock = await readLock(root, lockFile, cacheFolder)
      const path = workspacePath(root, relative(root, start), lock, workspace)
      if (path !== undefined) {
        refusePlugAndPlay(root)
        return { root, path, manifest: readManifest(join(root, path)), lock, lockFile }
      }
      reason ??= unknownFolder(join(root, lockFile), relative(root, start))
    }
    if (root === dirname(root)) break
  }
  throw reason ?? noLockfile(folder, start)
}

const projectFolder = (folder: string): string => {
  const refuse = (why: string): GantryError =>
    new GantryError('not_found', 'NO_PROJECT', `Cannot pack "${folder}": ${why}`, { hint: 'name the folder of a package.json' })
  let real: string
  try {
    real = realpathSync(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw refuse('it does not exist')
    throw error
  }
  if (lstatSync(real).isDirectory() && isFile(join(real, 'package.json'))) return real
  throw refuse('it has no package.json')
}

const noLockfile = (folder: string, start: string): GantryError => {
  if (isFile(join(start, 'bun.lock')) || isFile(join(start, 'bun.lockb')))
    return new GantryError('unsupported', 'BUN_LOCKFILE', `Cannot pack "${folder}": lockfiles of bun are not read`, {
      hint: 'npm install --package-lock-only writes one of npm beside it',
    })
  return new GantryError('failed_precondition', 'NO_LOCKFILE', `Cannot pack "${folder}": it has no lockfile`, {
    hint: 'run npm install, pnpm install or yarn install',
  })
}

const unknownFolder = (lockFile: string, path: string): GantryError =>
  new GantryError('failed_precondition', 'NOT_LOCKED', `Cannot pack "${path}": "${lockFile}" does not know it`, {
    hint: 'make it a workspace, or give it a lockfile of its own; then install',
  })

/** Yarn's Plug'n'Play has no node_modules that could be taken. */
const refusePlugAndPlay = (root: string): void => {
  if (isFile(join(root, '.pnp.cjs')) && !exists(join(root, 'node_modules')))
    throw new GantryError(
      'unsupported',
      'PLUG_AND_PLAY',
      `Cannot pack "${root}": it is installed as Plug'n'Play, without node_modules`,
      {
        hint: 'set "nodeLinker: node-modules" in .yarnrc.yml, and run yarn install',
      },
    )
}

const lockFileIn = (root: string): string | undefined => {
  const there = lockFiles.filter(([name]) => isFile(join(root, name)))
  if (there.length < 2) return there[0]?.[0]
  const manager = isFile(join(root, 'package.json')) ? readManifest(root).packageManager : ''
  const used = there.find(([, own]) => own === manager) ?? there.find(([, , mark]) => exists(join(root, mark))) ?? there[0]
  return used?.[0]
}

const readLock = async (root: string, file: string, cacheFolder: string): Promise<Lock> => {
  const text = readText(join(root, file))
  if (file.endsWith('.json')) return parseNpmLock(text, file)
  if (file === 'pnpm-lock.yaml') return readPnpmLock(await readYaml(text, file, cacheFolder), file)
  const rootManifest = readFields(join(root, 'package.json'))
  const workspaces = new Map<string, string>()
  for (const path of workspaceFolders(root, parseManifest(JSON.stringify(rootManifest), 'package.json').workspaces)) {
    const { name } = readManifest(join(root, path))
    if (name !== '') workspaces.set(name, path)
  }
  const entries = /^__metadata:/m.test(text)
    ? berryEntries(await readYaml(text, file, cacheFolder))
    : parseClassicLock(text, file)
  return createYarnLock(entries, { workspaces, resolutions: textsOf(entriesOf(rootManifest).get('resolutions')) })
}

/** Which folder is packed: the one that was named, if the lockfile knows it, or the workspace of a name. */
const workspacePath = (root: string, path: string, lock: Lock, workspace: string | undefined): string | undefined => {
  const own = lock.importers.filter((one) => one !== '..' && !one.startsWith('../') && !one.startsWith('/'))
  if (workspace === undefined) return own.includes(path) ? path : undefined
  const folder = posix.normalize(workspace).replace(/^\.\/|\/$/g, '')
  const found = own.find((one) => one === folder) ?? own.find((one) => nameIn(join(root, one)) === workspace)
  if (found !== undefined) return found
  const names = own.filter((one) => one !== '').map((one) => nameIn(join(root, one)) || one)
  throw new GantryError('not_found', 'NO_WORKSPACE', `Cannot pack workspace "${workspace}": there is none of that name`, {
    hint: names.length === 0 ? 'the project has no workspaces' : `there are ${names.slice(0, 10).join(', ')}`,
  })
}

const nameIn = (folder: string): string => (isFile(join(folder, 'package.json')) ? readManifest(folder).name : '')

/** The folders that `workspaces` of a package.json names. */
const workspaceFolders = (root: string, patterns: readonly string[]): readonly string[] => {
  const wanted = patterns.filter((pattern) => !pattern.startsWith('!')).map((pattern) => parseGlob(clean(pattern), true))
  const without = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => parseGlob(clean(pattern.slice(1)), true))
  if (wanted.length === 0) return []
  const deepest = patterns.some((pattern) => pattern.includes('**'))
    ? 8
    : Math.max(...patterns.map((one) => one.split('/').length))
  const found: string[] = []
  const pending = ['']
  for (let seen = 0; pending.length > 0 && seen < mostFolders; seen++) {
    const folder = pending.pop() ?? ''
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (!entry.isDirectory() || entry.name === 'node_modules' || entry.name.startsWith('.')) continue
      const path = posix.join(folder, entry.name)
      if (path.split('/').length < deepest) pending.push(path)
      if (!wanted.some((one) => matchGlob(one, path)) || without.some((one) => matchGlob(one, path))) continue
      if (isFile(join(root, path, 'package.json'))) found.push(path)
    }
  }
  return found.toSorted()
}

const clean = (pattern: string): string => posix.normalize(pattern).replace(/^\.?\/|\/$/g, '')

const readManifest = (folder: string): Manifest => {
  const path = join(folder, 'package.json')
  return parseManifest(readText(path), basename(folder) === '' ? path : join(basename(folder), 'package.json'))
}

const readFields = (path: string): unknown => {
  try {
    return JSON.parse(readText(path)) as unknown
  } catch {
    return {}
  }
}

const readText = (path: string): string => {
  if (lstatSync(path).size > fileLimit) throw lockInvalid(path, `it has more than ${fileLimit} bytes`)
  return readFileSync(path, 'utf8')
}

const isFile = (path: string): boolean => {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats?.isFile() === true
}

const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined
