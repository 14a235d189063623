import { readBlob } from '../../content/read-blob.ts'
import type { ContentSource } from '../../content/interfaces.ts'
import { selectImage } from '../../content/select.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { configLimit, parseImageConfig, platformOf } from '../../oci/image-config.ts'
import { parseManifestOrIndex, type ParsedManifest } from '../../oci/manifest.ts'
import { isConfigType } from '../../oci/media-type.ts'
import type { Engine } from '../engine.ts'
import type { Location } from '../locations/location.ts'
import { openSource, type OpenedSource } from '../locations/open-source.ts'
import { isOwnList, listName } from './manifest-list.ts'

/** A manifest or index as it is there: its bytes, and where it was found. */
export interface FoundManifest extends AsyncDisposable {
  readonly descriptor: Descriptor
  readonly bytes: Buffer
  readonly parsed: ParsedManifest
  readonly opened: OpenedSource
}

/**
 * Finds a manifest: a list that is being made here goes before what its registry has, as with docker. With a platform the one of an
 * image of an index.
 */
export const openManifest = async (
  engine: Engine,
  location: Location,
  options: Abortable & { readonly platform?: Platform } = {},
): Promise<FoundManifest> => {
  const { platform, ...abortable } = options
  const opened = await openSource(engine, await ownList(engine, location), abortable)
  try {
    const root = await opened.source.resolve(opened.reference, abortable)
    const { descriptor } =
      platform === undefined ? { descriptor: root } : await selectImage(opened.source, root, { platform, ...abortable })
    const bytes = await readBlob(opened.source, descriptor, abortable)
    const parsed = parseManifestOrIndex(bytes, descriptor.mediaType || undefined)
    return { descriptor, bytes, parsed, opened, [Symbol.asyncDispose]: async () => await opened[Symbol.asyncDispose]() }
  } catch (error) {
    await opened[Symbol.asyncDispose]()
    throw error
  }
}

const ownList = async (engine: Engine, location: Location): Promise<Location> => {
  if (location.kind !== 'registry' || location.reference.digest !== undefined) return location
  const { domain, path, tag } = location.reference
  const name = listName(`${domain}/${path}${tag === undefined ? '' : `:${tag}`}`)
  return (await isOwnList(engine, name)) ? { kind: 'store', name } : location
}

/** The config of an image, byte for byte; of an index that of the only image, or of the one for the platform. */
export const readConfig = async (found: FoundManifest, options: Abortable = {}): Promise<Buffer> => {
  const { manifest } = await selectImage(found.opened.source, found.descriptor, options)
  return await readBlob(found.opened.source, manifest.config, { ...options, limit: configLimit })
}

/** One image as `manifest inspect -v` of docker shows it (cli/manifest/types ImageManifest). */
export const verboseManifest = async (found: FoundManifest, options: Abortable = {}): Promise<object> => {
  const name = found.opened.name ?? found.opened.reference
  const { source } = found.opened
  if (found.parsed.kind === 'manifest') return await verboseEntry(source, name, found.descriptor, options)
  const repository = name.replace(/@.*$/, '').replace(/:[^:/]*$/, '')
  const entries: object[] = []
  for (const entry of found.parsed.index.manifests)
    entries.push(await verboseEntry(source, `${repository}@${entry.digest}`, entry, options))
  return entries
}

const verboseEntry = async (source: ContentSource, ref: string, entry: Descriptor, options: Abortable): Promise<object> => {
  const { mediaType, digest, size, annotations } = entry
  const bytes = await readBlob(source, { mediaType, digest, size }, options)
  const parsed = parseManifestOrIndex(bytes, mediaType)
  const platform = entry.platform ?? (await platformIn(source, parsed, options))
  const field = mediaType.startsWith('application/vnd.docker.') ? 'SchemaV2Manifest' : 'OCIManifest'
  return {
    Ref: ref,
    Descriptor: { mediaType, digest, size, ...(annotations && { annotations }), ...(platform && { platform }) },
    Raw: bytes.toString('base64'),
    [field]: JSON.parse(bytes.toString('utf8')) as object,
  }
}

const platformIn = async (source: ContentSource, parsed: ParsedManifest, options: Abortable): Promise<Platform | undefined> => {
  if (parsed.kind === 'index' || !isConfigType(parsed.manifest.config.mediaType)) return undefined
  return platformOf(parseImageConfig(await readBlob(source, parsed.manifest.config, { ...options, limit: configLimit })))
}
