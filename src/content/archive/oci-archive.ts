import { isGantryError } from '../../lib/errors.ts'
import { digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts'
import { manifestLimit, parseManifestOrIndex } from '../../oci/manifest.ts'
import { fullReference } from '../layout-images.ts'
import { checkLayoutMarker, layoutEntry, layoutIndexLimit, parseLayoutIndex, type LayoutEntry } from '../layout-index.ts'
import { readDockerManifest, type DockerArchiveImage } from './docker-manifest.ts'
import type { ArchiveContents } from './tar-archive.ts'
import type { TarFiles } from './tar-files.ts'

/** The path of a blob in an OCI archive, and in the docker archives that are OCI archives too. */
export const archiveBlobPath = (digest: Digest): string => `blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`

/** An OCI layout in a tar (image-spec image-layout.md), as `skopeo copy … oci-archive:`, `docker save` since 25 and gantry write it. */
export const readOciArchive = (files: TarFiles): ArchiveContents => {
  checkLayoutMarker(files.read(files.need('oci-layout'), manifestLimit), 'the archive')
  const { entries } = parseLayoutIndex(files.read(files.need('index.json'), layoutIndexLimit), 'index.json of the archive')
  const docker = readDockerManifest(files)
  return {
    place: (digest) => files.find(archiveBlobPath(digest)),
    manifests: new Map(),
    entries: entries.flatMap((entry) => withDockerNames(files, entry, docker)),
  }
}

/** The names that a `manifest.json` beside the layout has for an image without a full name: they have the config in common. */
const withDockerNames = (files: TarFiles, entry: LayoutEntry, docker: readonly DockerArchiveImage[]): readonly LayoutEntry[] => {
  if (docker.length === 0 || fullReference(entry.name) !== undefined) return [entry]
  const config = configPath(files, entry)
  const names = docker.filter((image) => image.config === config).flatMap((image) => image.names)
  return names.length === 0 ? [entry] : names.map((name) => layoutEntry(entry.descriptor, name))
}

const configPath = (files: TarFiles, { descriptor }: LayoutEntry): string | undefined => {
  const file = files.find(archiveBlobPath(descriptor.digest))
  if (file === undefined) return undefined
  try {
    const parsed = parseManifestOrIndex(files.read(file, manifestLimit))
    return parsed.kind === 'manifest' ? archiveBlobPath(parsed.manifest.config.digest) : undefined
  } catch (error) {
    // whoever reads the image will say what is wrong with it
    if (isGantryError(error)) return undefined
    throw error
  }
}
