import { join } from 'node:path'
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts'
import { tagFileName } from './tag-file-name.ts'

/*
 * The folder of a registry:
 *   format.json                                what version of this layout it is
 *   blobs/<algorithm>/<2 hex>/<hex>            every blob and manifest once, by digest
 *   repositories/<name, "+" for "/">/
 *     blobs/<algorithm>-<hex>                  empty: the repository has the blob
 *     manifests/<algorithm>-<hex>              the descriptor of a manifest of the repository, as JSON
 *     tags/<tag>                               the digest that the tag names
 *     referrers/<algorithm>-<hex>/<algorithm>-<hex>   under the subject, the descriptor of a referrer, as JSON
 *   uploads/<id>/                              sessions.ts
 *   temporary/, locks/
 * Names, tags and digests are checked before they come here, and none can hold a slash (but names), "+" or a leading dot.
 */

const digestFileName = (digest: Digest): string => digest.replace(':', '-')

/** The repository that a folder name stands for. */
export const repositoryOfFolderName = (name: string): string => name.replaceAll('+', '/')

const folderName = (repository: string): string => repository.replaceAll('/', '+')

/** Where things are in the folder of a registry. */
export interface RegistryPaths {
  readonly format: string
  readonly repositories: string
  readonly uploads: string
  readonly temporary: string
  blob(digest: Digest): string
  upload(id: string): string
  lock(repository: string): string
  repository(name: string): RepositoryPaths
}

export interface RepositoryPaths {
  readonly folder: string
  readonly tags: string
  blob(digest: Digest): string
  manifest(digest: Digest): string
  tag(tag: string): string
  referrers(subject: Digest): string
  referrer(subject: Digest, digest: Digest): string
}

export const registryPaths = (root: string): RegistryPaths => {
  const repositories = join(root, 'repositories')
  const uploads = join(root, 'uploads')
  return {
    format: join(root, 'format.json'),
    repositories,
    uploads,
    temporary: join(root, 'temporary'),
    blob: (digest) => {
      const hex = digestHex(digest)
      return join(root, 'blobs', digestAlgorithm(digest), hex.slice(0, 2), hex)
    },
    upload: (id) => join(uploads, id),
    lock: (name) => join(root, 'locks', folderName(name)),
    repository: (name) => repositoryPaths(`${repositories}/${folderName(name)}`),
  }
}

const repositoryPaths = (folder: string): RepositoryPaths => ({
  folder,
  tags: `${folder}/tags`,
  blob: (digest) => `${folder}/blobs/${digestFileName(digest)}`,
  manifest: (digest) => `${folder}/manifests/${digestFileName(digest)}`,
  tag: (tag) => `${folder}/tags/${tagFileName(tag)}`,
  referrers: (subject) => `${folder}/referrers/${digestFileName(subject)}`,
  referrer: (subject, digest) => `${folder}/referrers/${digestFileName(subject)}/${digestFileName(digest)}`,
})
