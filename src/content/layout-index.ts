import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseJson } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { readDescriptor } from '../oci/descriptor-parse.ts'
import { asList, asRecord, at, isAbsent, type Place } from '../oci/json-shape.ts'
import { mediaTypes } from '../oci/media-type.ts'

/** Annotation of an entry of index.json: its name (image-spec annotations.md). */
export const refNameKey = 'org.opencontainers.image.ref.name'
/** The same by containerd's and docker's custom: always a full reference, where the one above may be a bare tag. */
export const imageNameKey = 'io.containerd.image.name'

/** An entry of index.json. */
export interface LayoutEntry {
  /** The name, the full one where it has two. */
  readonly name?: string
  /** The bare `ref.name`, where it is another. */
  readonly refName?: string
  /** Without the annotations that name it. */
  readonly descriptor: Descriptor
  /** The JSON it was read from, so that fields that are not known survive. */
  readonly raw: Readonly<Record<string, unknown>>
}

/** An index.json (image-spec image-layout.md §index.json file). */
export interface LayoutIndex {
  /** The fields besides `manifests`. */
  readonly rest: Readonly<Record<string, unknown>>
  readonly entries: readonly LayoutEntry[]
}

/** Bytes: the largest index.json that is read. */
export const layoutIndexLimit = 64 << 20
const entryLimit = 200_000

export const emptyLayoutIndex: LayoutIndex = { rest: { schemaVersion: 2, mediaType: mediaTypes.ociIndex }, entries: [] }

/** Reads untrusted bytes of an index.json; `what` names it in errors, which are `invalid_argument`. */
export const parseLayoutIndex = (bytes: Uint8Array, what: string): LayoutIndex => {
  const place: Place = { what, path: '', value: parseJson(bytes, what) }
  const { manifests: _, ...rest } = asRecord(place)
  const manifests = at(place, 'manifests')
  return { rest, entries: isAbsent(manifests) ? [] : asList(manifests, entryLimit, readEntry) }
}

const readEntry = (entry: Place): LayoutEntry => ({ ...splitNames(readDescriptor(entry)), raw: asRecord(entry) })

const splitNames = (full: Descriptor): Omit<LayoutEntry, 'raw'> => {
  const { annotations = {}, ...bare } = full
  const { [refNameKey]: refName, [imageNameKey]: imageName, ...others } = annotations
  const descriptor = Object.keys(others).length === 0 ? bare : { ...bare, annotations: others }
  const name = imageName ?? refName
  if (name === undefined) return { descriptor }
  return refName === undefined || refName === name ? { name, descriptor } : { name, refName, descriptor }
}

export const encodeLayoutIndex = ({ rest, entries }: LayoutIndex): string =>
  JSON.stringify({ ...rest, manifests: entries.map(({ raw }) => raw) })

/** An entry that names a descriptor, or keeps it without a name. */
export const layoutEntry = (target: Descriptor, name?: string): LayoutEntry => {
  const { urls: _urls, data: _data, ...descriptor } = splitNames(target).descriptor
  if (name === undefined) return { descriptor, raw: { ...descriptor } }
  // containerd takes its annotation for a full reference; a bare tag is none
  const full = name.includes('/') ? { [imageNameKey]: name } : {}
  const annotations = { ...descriptor.annotations, ...full, [refNameKey]: name }
  return { name, descriptor, raw: { ...descriptor, annotations } }
}

/** The index.json of a layout folder; none counts as empty. */
export const readLayoutIndex = (folder: string): LayoutIndex => {
  const path = join(folder, 'index.json')
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return emptyLayoutIndex
  if (stats.size > layoutIndexLimit)
    throw new GantryError('resource_exhausted', 'TOO_LARGE', `Cannot read "${path}": it has more than ${layoutIndexLimit} bytes`)
  return parseLayoutIndex(readFileSync(path), `"${path}"`)
}

/** The content of the file `oci-layout` (image-spec image-layout.md §oci-layout file). */
export const layoutMarker = '{"imageLayoutVersion":"1.0.0"}'

/** Checks the bytes of a file `oci-layout`; `unsupported` for another version than 1.x. */
export const checkLayoutMarker = (bytes: Uint8Array, what: string): void => {
  const place: Place = { what: `${what}: oci-layout`, path: '', value: parseJson(bytes, `${what}: oci-layout`) }
  const version = at(place, 'imageLayoutVersion').value
  if (typeof version === 'string' && version.startsWith('1.')) return
  throw new GantryError(
    'unsupported',
    'LAYOUT_VERSION',
    `Cannot read ${what}: layout version ${JSON.stringify(version)} is not known`,
  )
}

/** Whether the folder is an OCI layout; throws if it says it is one of another version. */
export const isLayoutFolder = (folder: string): boolean => {
  const path = join(folder, 'oci-layout')
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return false
  checkLayoutMarker(readFileSync(path), `"${folder}"`)
  return true
}
