import { createWriteStream } from 'node:fs'
import { lstat, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { collect, type Abortable } from '../lib/bytes.ts'
import { GantryError, systemCode } from '../lib/errors.ts'
import type { ContextSource, DockerfileSource } from './context-source.ts'
import type { OnBuildEvent } from './events.ts'
import { parseIgnoreFile, type IgnoreFile } from './ignore.ts'
import type { SourceServices } from './interfaces.ts'
import type { Scratch } from './scratch.ts'
import type { FetchedFile } from './sources/fetch-http.ts'
import { archiveTree, bytesOf, fileTree } from './sources/http-tree.ts'
import type { FetchContext } from './sources/open-remote.ts'
import { FolderTree } from './tree/folder-tree.ts'
import type { KnownDigests } from './tree/known-digests.ts'
import { MemoryTree } from './tree/memory-tree.ts'
import { resolvePath } from './tree/resolve-path.ts'
import type { Tree } from './tree/tree.ts'

/** What a build begins with. */
export interface LoadedContext {
  readonly dockerfile: { readonly name: string; readonly text: string }
  /** Of the commit, the download or the newest file, seconds since 1970, where the context is not a folder of this machine. */
  readonly time?: number
  /** Everything, also what is left out. */
  readonly all: Tree
  /** Reads the rules of what is left out; the files are read when they are asked for. */
  readonly tree: () => Promise<Tree>
  /** The rules of what is left out. */
  readonly ignored: () => Promise<IgnoreFile>
}

const nothingIgnored = async (): Promise<IgnoreFile> => ({ file: '.dockerignore', lines: [] })

const dockerfileLimit = 16 * 1024 * 1024

export interface LoadOptions extends Abortable {
  readonly sources: SourceServices
  /** What earlier builds know of the files of a folder. */
  readonly digestsOf?: (root: string) => KnownDigests
  readonly onEvent?: OnBuildEvent
  /** The step that is shown. */
  readonly id?: string
}

/** Finds the Dockerfile and the context. `not_found` when there is no Dockerfile. */
export const loadContext = async (
  source: ContextSource,
  dockerfile: DockerfileSource,
  scratch: Scratch,
  options: LoadOptions,
): Promise<LoadedContext> => {
  const given = dockerfile.kind === 'url' ? await downloadDockerfile(dockerfile.url, scratch, options) : dockerfile
  switch (source.kind) {
    case 'none':
      return await loadTree({ tree: new MemoryTree() }, given)
    case 'path':
      return await loadPath(source.path, given, scratch, options)
    case 'stream': {
      const path = join(await scratch.make(), 'stdin')
      await pipeline(source.bytes, createWriteStream(path, { flags: 'wx', mode: 0o600 }), options)
      return (await loadArchive(path, given, scratch, options)) ?? (await loadLoneDockerfile(path, new MemoryTree(), given))
    }
    case 'url': {
      const file = await download(source.url, scratch, options)
      const alone = async (): Promise<LoadedContext> => await loadLoneDockerfile(file.path, fileTree(file, 'context'), undefined)
      const loaded = (await loadArchive(file.path, given, scratch, options)) ?? (await alone())
      return file.modified === undefined ? loaded : { ...loaded, time: file.modified }
    }
    case 'git': {
      const { openGit } = await import('./sources/open-remote.ts')
      const { tree, time } = await openGit(source.reference, fetchContext(scratch, options))
      return await loadTree({ tree, time }, given)
    }
  }
}

/** The files of a folder or an archive of this machine, without what the .dockerignore of the folder leaves out. */
export const loadFiles = async (path: string, scratch: Scratch, options: LoadOptions): Promise<Tree> =>
  await (await loadPath(path, { kind: 'text', text: '' }, scratch, options)).tree()

const fetchContext = (scratch: Scratch, options: LoadOptions): FetchContext => {
  const { sources, signal, id = '', onEvent = () => undefined } = options
  return { sources, id, onEvent, scratch: async () => await scratch.make(), ...(signal === undefined ? {} : { signal }) }
}

const download = async (url: string, scratch: Scratch, options: LoadOptions): Promise<FetchedFile> => {
  const { sources, signal } = options
  // what speaks HTTP is only loaded by builds that do
  const { fetchHttp } = await import('./sources/fetch-http.ts')
  return await fetchHttp(url, sources, { folder: await scratch.make(), ...(signal === undefined ? {} : { signal }) })
}

const downloadDockerfile = async (url: string, scratch: Scratch, options: LoadOptions): Promise<DockerfileSource> => {
  const { path } = await download(url, scratch, options)
  return { kind: 'text', text: (await collect(bytesOf(path), dockerfileLimit, 'the Dockerfile')).toString('utf8') }
}

/** A context that is not filtered: rules of what is left out hold for folders only, as in BuildKit. */
const loadTree = async (
  { tree, time }: { readonly tree: Tree; readonly time?: number | undefined },
  dockerfile: DockerfileSource,
): Promise<LoadedContext> => ({
  dockerfile: await readDockerfile(tree, dockerfile),
  all: tree,
  tree: async () => tree,
  ignored: nothingIgnored,
  ...(time === undefined ? {} : { time }),
})

/** The context that an archive is; undefined if it is none. */
const loadArchive = async (
  path: string,
  dockerfile: DockerfileSource,
  scratch: Scratch,
  options: LoadOptions,
): Promise<LoadedContext | undefined> => {
  const archive = await archiveTree(path, await scratch.make(), options)
  return archive === undefined ? undefined : await loadTree(archive, dockerfile)
}

const loadLoneDockerfile = async (path: string, tree: Tree, dockerfile: DockerfileSource | undefined): Promise<LoadedContext> => {
  if (dockerfile !== undefined && (dockerfile.kind !== 'context' || dockerfile.path !== 'Dockerfile'))
    throw new GantryError(
      'invalid_argument',
      'DOCKERFILE_AMBIGUOUS',
      'Cannot build: ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles',
      { hint: 'give an archive on standard input, or leave --file out' },
    )
  const text = (await collect(bytesOf(path), dockerfileLimit, 'the Dockerfile')).toString('utf8')
  return { dockerfile: { name: 'Dockerfile', text }, all: tree, tree: async () => tree, ignored: nothingIgnored }
}

const loadPath = async (
  path: string,
  dockerfile: DockerfileSource,
  scratch: Scratch,
  options: LoadOptions,
): Promise<LoadedContext> => {
  const root = await contextPath(path)
  if ((await lstat(root)).isDirectory()) return await loadFolder(root, dockerfile, options)
  const inside =
    dockerfile.kind === 'file' && !isAbsolute(dockerfile.path) ? { kind: 'context' as const, path: dockerfile.path } : dockerfile
  const loaded = await loadArchive(root, inside, scratch, options)
  if (loaded === undefined) throw noContext(path, 'it is no folder and no archive')
  return loaded
}

const loadFolder = async (root: string, dockerfile: DockerfileSource, { digestsOf }: LoadOptions): Promise<LoadedContext> => {
  const all = new FolderTree(root)
  const ignored = async (): Promise<IgnoreFile> => await ignoreRules(all, dockerfile)
  return {
    dockerfile: await readDockerfile(all, dockerfile),
    all,
    tree: async () => {
      const ignore = (await ignored()).lines.map(({ pattern }) => pattern)
      return new FolderTree(root, { ignore, ...(digestsOf === undefined ? {} : { digests: digestsOf(root) }) })
    },
    ignored,
  }
}

const noContext = (path: string, reason: string, cause?: unknown): GantryError =>
  new GantryError('not_found', 'NO_CONTEXT', `Cannot use "${path}" as a build context: ${reason}`, {
    cause,
    hint: 'name a folder, an archive, an URL or a git repository, or - for an archive or a Dockerfile from stdin',
  })

const contextPath = async (path: string): Promise<string> => {
  try {
    const real = await realpath(path)
    const found = await lstat(real)
    if (found.isDirectory() || found.isFile()) return real
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw noContext(path, 'it does not exist', error)
    throw error
  }
  throw noContext(path, 'it is no folder and no archive')
}

const readDockerfile = async (tree: Tree, source: DockerfileSource): Promise<LoadedContext['dockerfile']> => {
  if (source.kind === 'text') return { name: source.name ?? 'Dockerfile', text: source.text }
  if (source.kind === 'url')
    throw new GantryError('internal', 'DOCKERFILE_URL', 'Cannot read the Dockerfile: it was not downloaded')
  if (source.kind === 'file') return { name: basename(source.path), text: await readHostText(source.path) }
  const text = await readText(tree, source.path)
  if (text !== undefined) return { name: source.path, text }
  throw noDockerfile(source.path)
}

const noDockerfile = (path: string, cause?: unknown): GantryError =>
  new GantryError(
    'not_found',
    'NO_DOCKERFILE',
    `Cannot read the Dockerfile: failed to read dockerfile: open ${path}: no such file or directory`,
    {
      cause,
      hint: 'name it with --file, or build in the folder that has it',
    },
  )

const readHostText = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EISDIR') throw noDockerfile(path, error)
    throw error
  }
}

/** A file of the context as text; undefined if it is not there. */
const readText = async (tree: Tree, path: string): Promise<string | undefined> => {
  const { entry } = await resolvePath(tree, path)
  if (entry?.kind !== 'file') return undefined
  return (await collect(tree.read(entry), dockerfileLimit, `"${path}"`)).toString('utf8')
}

/** `NAME.dockerignore` beside the Dockerfile, or else the .dockerignore at the context's root; never both. */
const ignoreRules = async (tree: Tree, source: DockerfileSource): Promise<IgnoreFile> => {
  const named = source.kind === 'context' || source.kind === 'file' ? source : undefined
  const own = named === undefined ? undefined : await ownIgnoreFile(tree, named)
  if (own !== undefined && named !== undefined)
    return { file: `${named.kind === 'file' ? basename(named.path) : named.path}.dockerignore`, lines: parseIgnoreFile(own) }
  return { file: '.dockerignore', lines: parseIgnoreFile((await readText(tree, '.dockerignore')) ?? '') }
}

const ownIgnoreFile = async (
  tree: Tree,
  source: Extract<DockerfileSource, { kind: 'context' | 'file' }>,
): Promise<string | undefined> => {
  if (source.kind === 'context') return await readText(tree, `${source.path}.dockerignore`)
  try {
    return await readFile(join(dirname(source.path), `${basename(source.path)}.dockerignore`), 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
