import { lstatSync, lutimesSync, readdirSync, readlinkSync, rmdirSync, unlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import type { RootFileSystem } from './interfaces.ts'

/** What an OCI runtime is about to make in a root file system in order to mount there. Paths are below the root and hold no links. */
export interface MountPoints {
  /** Upper ones first. */
  readonly missing: readonly string[]
  /** The folders they will be in, and the times that making them there changes; in seconds. */
  readonly parents: readonly { readonly path: string; readonly atime: number; readonly mtime: number }[]
}

/**
 * Finds the mount points that a root file system lacks, for `removeMountPoints` after the container has ended. To be called where it
 * is mounted, before the runtime. `destinations` are absolute paths in the container; links are followed as it would.
 */
export const missingMountPoints = (root: string, destinations: readonly string[]): MountPoints => {
  const missing: string[] = []
  const parents = new Map<string, Stats>()
  // what lies below another mount is made in there
  const own = destinations.filter((one) => !destinations.some((other) => one.startsWith(`${other}/`)))
  for (const destination of own) {
    const { found, rest } = walk(root, destination)
    if (rest.length === 0) continue
    parents.set(found, lstatSync(join(root, found)))
    let path = found
    for (const name of rest) missing.push((path = `${path}/${name}`))
  }
  return {
    missing: [...new Set(missing)],
    parents: [...parents].map(([path, { atimeMs, mtimeMs }]) => ({ path, atime: atimeMs / 1000, mtime: mtimeMs / 1000 })),
  }
}

const maxLinks = 40

/** As far as there is something on the way to a path in a root, and the names that are not there. */
const walk = (root: string, path: string): { readonly found: string; readonly rest: readonly string[] } => {
  let names = path.split('/')
  let found = ''
  for (let links = 0; names.length > 0;) {
    const [name = '', ...rest] = names
    names = rest
    if (name === '' || name === '.') continue
    if (name === '..') {
      found = found.slice(0, Math.max(0, found.lastIndexOf('/')))
      continue
    }
    const at = lstatSync(join(root, found, name), { throwIfNoEntry: false })
    if (at === undefined) return { found, rest: [name, ...rest].filter((one) => one !== '' && one !== '.' && one !== '..') }
    if (!at.isSymbolicLink()) {
      found = `${found}/${name}`
      continue
    }
    // the runtime will say it better
    if (++links > maxLinks) return { found, rest: [] }
    const target = readlinkSync(join(root, found, name))
    if (target.startsWith('/')) found = ''
    names = [...target.split('/'), ...names]
  }
  return { found, rest: [] }
}

/**
 * Takes the mount points away that the runtime made and nothing was put into, and gives their folders the times they had. Only for
 * a root that nothing runs in any more; whatever was changed to a link on the way is left alone.
 */
export const removeMountPoints = (root: RootFileSystem, points: MountPoints): void => {
  const writable = writableFolder(root)
  if (writable === undefined) return
  for (const path of points.missing.toReversed()) {
    const at = lookUp(writable, path)
    if (at?.isFile() === true && at.size === 0) unlinkSync(join(writable, path))
    else if (at?.isDirectory() === true && readdirSync(join(writable, path)).length === 0) rmdirSync(join(writable, path))
  }
  for (const { path, atime, mtime } of points.parents) {
    const folder = join(writable, path)
    if (lookUp(writable, path)?.isDirectory() === true && readdirSync(folder).length === 0) lutimesSync(folder, atime, mtime)
  }
}

/** Where what is written to a root ends up; undefined for a root that is only read. */
const writableFolder = (root: RootFileSystem): string | undefined => {
  const top = root.mounts.findLast((mount) => mount.target === root.path)
  if (top === undefined) return root.path
  if (top.kind === 'overlay') return top.upper
  return top.kind === 'bind' && !top.readOnly ? top.source : undefined
}

/** undefined if nothing is there, or a link is on the way. */
const lookUp = (folder: string, path: string): Stats | undefined => {
  let at = lstatSync(folder)
  let here = folder
  for (const name of path.split('/').filter((one) => one !== '')) {
    if (!at.isDirectory()) return undefined
    here = join(here, name)
    const next = lstatSync(here, { throwIfNoEntry: false })
    if (next === undefined) return undefined
    at = next
  }
  return at
}
