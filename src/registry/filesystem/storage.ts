import { readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError, systemCode } from '../../lib/errors.ts'
import { exists } from '../../lib/files.ts'
import { KeyedMutex } from '../../lib/keyed-mutex.ts'
import { withLock } from '../../lib/lock.ts'
import { StatCache } from '../../lib/stat-cache.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { BlobLocator, RegistryStorage } from '../interfaces.ts'
import { pageOf } from '../page.ts'
import { makeFolder, markDurably, renameDurably, writeDurably } from './durable.ts'
import { registryPaths, repositoryOfFolderName, type RegistryPaths } from './paths.ts'
import { FilesystemRepository, type RepositoryHost, type StoredManifest } from './repository.ts'
import { Uploads } from './uploads.ts'

export interface FilesystemStorageOptions {
  /** Made where it is missing. */
  readonly folder: string
  /** Milliseconds for which an upload that nobody writes to can be resumed. Default 24 hours. */
  readonly uploadExpiry?: number
  /** Bytes of manifests that are kept in memory. Default 64 MiB. */
  readonly manifestCache?: number
}

/** A registry's storage in a folder. Disposing stops its housekeeping; uploads that are not ended can be resumed after. */
export interface FilesystemStorage extends RegistryStorage, BlobLocator, AsyncDisposable {
  /** Removes uploads and temporary files that nobody has touched for `uploadExpiry`; answers how many uploads. Done every hour by itself. */
  expireUploads(): Promise<number>
}

const hour = 3_600_000
const layoutVersion = 1

/**
 * Opens the storage of a registry in a folder. Several processes may serve the same folder: what one has acknowledged the others
 * see, and uploads may move between them. `unsupported` for a folder of a newer gantry.
 */
export const openFilesystemStorage = async (options: FilesystemStorageOptions): Promise<FilesystemStorage> => {
  const { folder, uploadExpiry = 24 * hour, manifestCache = 64 * 1024 * 1024 } = options
  const paths = registryPaths(folder)
  for (const each of [folder, paths.repositories, paths.uploads, paths.temporary]) await makeFolder(each)
  await checkFormat(paths)
  const host = createHost(paths, manifestCache)
  const names = new StatCache<readonly string[]>({ maxWeight: 1, weigh: () => 1 })
  const repositories = async (): Promise<readonly string[]> =>
    (await names.get(paths.repositories, async () => (await readdir(paths.repositories)).map(repositoryOfFolderName).sort())) ??
    []
  const expireUploads = async (): Promise<number> => {
    const before = (await fileSystemTime(paths.temporary)) - uploadExpiry
    await removeOld(paths.temporary, before)
    return host.uploads.expire(before)
  }
  await expireUploads()
  const timer = setInterval(() => void expireUploads().catch(() => undefined), hour).unref()
  return {
    repository: (name) => new FilesystemRepository(name, host),
    repositories: async (page) => pageOf(await repositories(), page),
    async *repositoriesWith(digest) {
      if (!(await exists(paths.blob(digest)))) return
      for (const name of await repositories()) if (await exists(paths.repository(name).blob(digest))) yield name
    },
    expireUploads,
    [Symbol.asyncDispose]: async () => clearInterval(timer),
  }
}

const createHost = (paths: RegistryPaths, manifestCache: number): RepositoryHost => {
  const mutex = new KeyedMutex()
  const weigh = ({ bytes }: StoredManifest): number => bytes.length + 1024
  return {
    paths,
    uploads: new Uploads(paths, (repository, path, digest) => publishBlob(paths, repository, path, digest)),
    manifests: new StatCache<StoredManifest>({ maxWeight: manifestCache / 2, weigh }),
    tagged: new StatCache<StoredManifest>({ maxWeight: manifestCache / 2, weigh }),
    tagLists: new StatCache<readonly string[]>({ maxWeight: 1_000_000, weigh: (tags) => tags.length + 10 }),
    referrers: new StatCache<readonly Descriptor[]>({ maxWeight: 10_000, weigh: (list) => list.length + 1 }),
    exclusively: (repository, work) => mutex.run(repository, () => withLock(paths.lock(repository), 'exclusive', work)),
  }
}

/** Takes a file for a blob, unless the blob is there already, and makes it visible in the repository. */
const publishBlob = async (paths: RegistryPaths, repository: string, path: string, digest: Digest): Promise<void> => {
  const blob = paths.blob(digest)
  if (!(await exists(blob))) await renameDurably(path, blob)
  await markDurably(paths.repository(repository).blob(digest))
}

const checkFormat = async ({ format, temporary }: RegistryPaths): Promise<void> => {
  let text: string
  try {
    text = await readFile(format, 'utf8')
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    await writeDurably([{ path: format, data: JSON.stringify({ version: layoutVersion }) }], temporary)
    return
  }
  if ((JSON.parse(text) as { readonly version?: unknown }).version !== layoutVersion)
    throw new GantryError(
      'unsupported',
      'REGISTRY_FORMAT',
      `Cannot open registry "${format}": its layout is of another version`,
      {
        hint: 'open it with the version of gantry that wrote it',
      },
    )
}

/** The time that the file system gives to changes, which on a network is that of another machine. */
const fileSystemTime = async (folder: string): Promise<number> => {
  const path = join(folder, 'now')
  await writeFile(path, '')
  return (await stat(path)).mtimeMs
}

const removeOld = async (folder: string, before: number): Promise<void> => {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && found.mtimeMs < before) await rm(path, { force: true })
  }
}
