import { createReadStream, createWriteStream } from 'node:fs'
import { lstat, readFile, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { collect, type Abortable, type ByteStream } from '../lib/bytes.ts'
import { GantryError, systemCode } from '../lib/errors.ts'
import { extractInto } from './copy/extract-into.ts'
import { LayerDraft } from './copy/layer-draft.ts'
import { isArchive, spoolArchive } from './copy/spool-archive.ts'
import { textFromBytes } from '../layers/tree/byte-text.ts'
import { parseIgnoreFile, PatternMatcher, type IgnoreFile } from './ignore.ts'
import type { Scratch } from './scratch.ts'
import { FolderTree } from './tree/folder-tree.ts'
import type { KnownDigests } from './tree/known-digests.ts'
import { MemoryTree, type MemoryEntry } from './tree/memory-tree.ts'
import { resolvePath } from './tree/resolve-path.ts'
import { parentOf, type Tree } from './tree/tree.ts'

/** Where a build's files come from. `stream`: a tar, compressed or not, or a Dockerfile alone, as `docker build -` takes them. */
export type ContextSource =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'stream'; readonly bytes: ByteStream }
  | { readonly kind: 'none' }

/** Where the Dockerfile comes from: a file of this machine, a file of the context (default `Dockerfile`), or text from elsewhere. */
export type DockerfileSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'context'; readonly path: string }
  | { readonly kind: 'text'; readonly text: string; readonly name?: string }

/** What a build begins with. */
export interface LoadedContext {
  readonly dockerfile: { readonly name: string; readonly text: string }
  /** Of the commit, the download or the newest file, seconds since 1970, where the context is not a folder of this machine. */
  readonly time?: number
  /** Reads the rules of what is left out; the files are read when they are asked for. */
  readonly tree: () => Promise<Tree>
  /** The rules of what is left out. */
  readonly ignored: () => Promise<IgnoreFile>
}

const nothingIgnored = async (): Promise<IgnoreFile> => ({ file: '.dockerignore', lines: [] })

const dockerfileLimit = 16 * 1024 * 1024

export interface LoadOptions extends Abortable {
  /** What earlier builds know of the files of a folder. */
  readonly digestsOf?: (root: string) => KnownDigests
}

/** Finds the Dockerfile and the context. `not_found` when there is no Dockerfile. */
export const loadContext = async (
  source: ContextSource,
  dockerfile: DockerfileSource,
  scratch: Scratch,
  options: LoadOptions = {},
): Promise<LoadedContext> => {
  switch (source.kind) {
    case 'none':
      return {
        dockerfile: await readDockerfile(new MemoryTree(), dockerfile),
        tree: async () => new MemoryTree(),
        ignored: nothingIgnored,
      }
    case 'folder':
      return await loadFolder(source.path, dockerfile, options)
    case 'stream':
      return await loadStream(source.bytes, dockerfile, scratch, options)
  }
}

const loadFolder = async (path: string, dockerfile: DockerfileSource, { digestsOf }: LoadOptions): Promise<LoadedContext> => {
  const root = await contextFolder(path)
  const all = new FolderTree(root)
  const ignored = async (): Promise<IgnoreFile> => await ignoreRules(all, dockerfile)
  return {
    dockerfile: await readDockerfile(all, dockerfile),
    tree: async () => {
      const ignore = (await ignored()).lines.map(({ pattern }) => pattern)
      return new FolderTree(root, { ignore, ...(digestsOf === undefined ? {} : { digests: digestsOf(root) }) })
    },
    ignored,
  }
}

const contextFolder = async (path: string): Promise<string> => {
  const refuse = (reason: string, cause?: unknown): GantryError =>
    new GantryError('not_found', 'NO_CONTEXT', `Cannot use "${path}" as a build context: ${reason}`, {
      cause,
      hint: 'name a folder, or - for a tar or a Dockerfile from stdin',
    })
  try {
    const real = await realpath(path)
    if ((await lstat(real)).isDirectory()) return real
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw refuse('it does not exist', error)
    throw error
  }
  throw refuse('it is no folder')
}

const loadStream = async (
  bytes: ByteStream,
  dockerfile: DockerfileSource,
  scratch: Scratch,
  options: Abortable,
): Promise<LoadedContext> => {
  const folder = await scratch.make()
  const spool = join(folder, 'stdin')
  await pipeline(bytes, createWriteStream(spool, { flags: 'wx', mode: 0o600 }), options)
  const spooled = (): ByteStream => createReadStream(spool) as AsyncIterable<Buffer>
  if (!(await isArchive(spooled()))) {
    const text = (await collect(spooled(), dockerfileLimit, 'the Dockerfile')).toString('utf8')
    return { dockerfile: { name: 'Dockerfile', text }, tree: async () => new MemoryTree(), ignored: nothingIgnored }
  }
  const draft = new LayerDraft(new MemoryTree())
  const entries = await spoolArchive(spooled(), join(folder, 'files'), options)
  // whose files the archive says they are does not matter, as with a folder
  await extractInto(draft, entries, { destination: '/', owner: { uid: 0, gid: 0 }, time: { seconds: 0, nanoseconds: 0 } })
  const files = draft
    .entries()
    .map(({ entry, body }) => ({ ...entry, ...(body === undefined ? {} : { open: () => body.open() }) }))
  const all = new MemoryTree(files)
  const time = draft.newest()
  const ignored = async (): Promise<IgnoreFile> => await ignoreRules(all, dockerfile)
  return {
    ...(time === undefined ? {} : { time }),
    dockerfile: await readDockerfile(all, dockerfile),
    tree: async () =>
      withoutIgnored(
        files,
        (await ignored()).lines.map(({ pattern }) => pattern),
      ),
    ignored,
  }
}

/** The entries that are not ignored, with the folders that lead to them. */
const withoutIgnored = (entries: readonly MemoryEntry[], patterns: readonly string[]): MemoryTree => {
  const matcher = new PatternMatcher(patterns)
  const kept = new Set<string>()
  for (const { path } of entries) {
    if (matcher.matchPath(textFromBytes(path).text).matched) continue
    for (let one = path; one !== '' && !kept.has(one); one = parentOf(one)) kept.add(one)
  }
  return new MemoryTree(entries.filter(({ path }) => kept.has(path)))
}

const readDockerfile = async (tree: Tree, source: DockerfileSource): Promise<LoadedContext['dockerfile']> => {
  if (source.kind === 'text') return { name: source.name ?? 'Dockerfile', text: source.text }
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
  const own = source.kind === 'text' ? undefined : await ownIgnoreFile(tree, source)
  if (own !== undefined && source.kind !== 'text')
    return { file: `${source.kind === 'file' ? basename(source.path) : source.path}.dockerignore`, lines: parseIgnoreFile(own) }
  return { file: '.dockerignore', lines: parseIgnoreFile((await readText(tree, '.dockerignore')) ?? '') }
}

const ownIgnoreFile = async (tree: Tree, source: Exclude<DockerfileSource, { kind: 'text' }>): Promise<string | undefined> => {
  if (source.kind === 'context') return await readText(tree, `${source.path}.dockerignore`)
  try {
    return await readFile(join(dirname(source.path), `${basename(source.path)}.dockerignore`), 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
