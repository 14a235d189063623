import { resolve } from 'node:path'
import { readBlob, readManifest } from '../../content/read-blob.ts'
import type { ImageSource } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { isGantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { configLimit, parseImageConfig, platformOf } from '../../oci/image-config.ts'
import type { Manifest } from '../../oci/manifest.ts'
import { isConfigType } from '../../oci/media-type.ts'
import { withDigest } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { formatLocation, parseLocation, type Location } from '../locations/location.ts'
import { openSource, type OpenedSource } from '../locations/open-source.ts'
import type { MemberOrigin } from './manifest-list.ts'

/** A member to be, and where it is. */
export interface Member {
  readonly descriptor: Descriptor
  readonly origin: MemberOrigin
}

/**
 * What an image adds to a list: itself with its platform, or of an index everything that is in it. A plain name is looked for in the
 * local store first, then in its registry; `docker://NAME` in the registry only.
 */
export const readMembers = async (engine: Engine, text: string, options: Abortable = {}): Promise<readonly Member[]> => {
  await using found = await openMember(engine, text, options)
  const { opened, location } = found
  const root = await opened.source.resolve(opened.reference, options)
  const read = await readManifest(opened.source, root, options)
  const originOf = (digest: Digest): MemberOrigin => ({
    ...(opened.name === undefined ? {} : { name: opened.name }),
    ...(location.kind === 'store' ? {} : { from: formatLocation(atDigest(location, digest)) }),
  })
  if (read.kind === 'index')
    return read.index.manifests.map((descriptor) => ({ descriptor, origin: originOf(descriptor.digest) }))
  const { digest, size } = root
  const described = await describeMember(opened.source, read.manifest, options)
  return [{ descriptor: { mediaType: read.mediaType, digest, size, ...described }, origin: originOf(digest) }]
}

interface FoundMember extends AsyncDisposable {
  readonly opened: OpenedSource
  readonly location: Location
}

const openMember = async (engine: Engine, text: string, options: Abortable): Promise<FoundMember> => {
  const location = parseLocation(text)
  const open = async (location: Location): Promise<FoundMember> => {
    const opened = await openSource(engine, location, { ...options, leaving: true })
    return { opened, location, [Symbol.asyncDispose]: async () => await opened[Symbol.asyncDispose]() }
  }
  if (location.kind !== 'registry' || text.startsWith('docker://')) return await open(location)
  try {
    return await open({ kind: 'store', name: text })
  } catch (error) {
    if (!isGantryError(error, 'not_found')) throw error
    return await open(location)
  }
}

/** What an index says of an image besides its digest. */
const describeMember = async (
  source: ImageSource,
  manifest: Manifest,
  options: Abortable,
): Promise<Pick<Descriptor, 'platform' | 'artifactType'>> => {
  if (!isConfigType(manifest.config.mediaType)) return { artifactType: manifest.artifactType ?? manifest.config.mediaType }
  return { platform: platformOf(parseImageConfig(await readBlob(source, manifest.config, { ...options, limit: configLimit }))) }
}

/** The same place by the digest of one image. */
export const atDigest = (location: Location, digest: Digest): Location => {
  switch (location.kind) {
    case 'registry':
      return { kind: 'registry', reference: withDigest(location.reference, digest) }
    case 'layout':
    case 'archive':
      return { ...location, path: resolve(location.path), name: digest }
    case 'store':
    case 'folder':
      return location
  }
}
