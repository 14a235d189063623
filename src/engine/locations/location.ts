import { GantryError } from '../../lib/errors.ts'
import { isDigest } from '../../oci/digest.ts'
import { familiarString, parseReference, type Reference } from '../../oci/reference.ts'

/** Where an image comes from or goes to, as users write it: `TRANSPORT:REST`, or a name, which is a registry's. */
export type Location =
  /** `NAME[:TAG|@DIGEST]`, `docker://NAME`; no tag is presumed. */
  | { readonly kind: 'registry'; readonly reference: Reference }
  /** `store:NAME|ID`: the local store. */
  | { readonly kind: 'store'; readonly name: string }
  /** `oci:FOLDER[:NAME|@DIGEST]`: an OCI layout. `name` is whatever stands there: a tag, a full name, a digest. */
  | { readonly kind: 'layout'; readonly path: string; readonly name?: string }
  /** `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`. */
  | { readonly kind: 'archive'; readonly format: 'oci' | 'docker'; readonly path: string; readonly name?: string }
  /** `dir:FOLDER`: skopeo's flat folder with one image. */
  | { readonly kind: 'folder'; readonly path: string }

/** For the help of commands. */
export const locationHelp =
  'NAME[:TAG|@DIGEST], oci:FOLDER[:TAG], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], dir:FOLDER, store:IMAGE'

const readers: Readonly<Record<string, (rest: string) => Location>> = {
  docker: (rest) => ({ kind: 'registry', reference: parseReference(rest.replace(/^\/\//, '')) }),
  store: (rest) => ({ kind: 'store', name: rest }),
  oci: (rest) => ({ kind: 'layout', ...splitPath(rest) }),
  ocidir: (rest) => ({ kind: 'layout', ...splitPath(rest.replace(/^\/\//, '')) }),
  'oci-archive': (rest) => ({ kind: 'archive', format: 'oci', ...splitPath(rest) }),
  'docker-archive': (rest) => ({ kind: 'archive', format: 'docker', ...splitPath(rest) }),
  dir: (rest) => ({ kind: 'folder', path: rest }),
}

/** Transports of other tools that are not spoken here, and what to use instead. */
const foreign: Readonly<Record<string, string>> = {
  'containers-storage': 'use "podman save" and docker-archive:FILE, or store:NAME for gantry\'s own store',
  'docker-daemon': 'use "docker save" and docker-archive:FILE, or store:NAME for gantry\'s own store',
}

/**
 * Reads a location. A word before the first colon that is a transport is one, so an image of Docker Hub that is called like it has to
 * be written with its host: `docker.io/library/oci:1`. `invalid_argument` for what is none.
 */
export const parseLocation = (text: string): Location => {
  const colon = text.indexOf(':')
  const transport = text.slice(0, Math.max(0, colon))
  const rest = text.slice(colon + 1)
  if (Object.hasOwn(foreign, transport))
    throw new GantryError('unsupported', 'TRANSPORT_UNSUPPORTED', `Cannot use "${text}": "${transport}" is not supported`, {
      hint: foreign[transport] ?? '',
    })
  const read = Object.hasOwn(readers, transport) ? readers[transport] : undefined
  // docker:27 is an image; only docker:// is a transport
  if (read === undefined || (transport === 'docker' && !rest.startsWith('//')))
    return { kind: 'registry', reference: parseReference(text) }
  const location = read(rest)
  if ('path' in location && location.path === '')
    throw new GantryError('invalid_argument', 'LOCATION_INVALID', `Cannot use "${text}": it has no path`, {
      hint: `write ${transport}:PATH`,
    })
  return location
}

/** The path ends at the first colon that is no drive letter's; a digest follows an `@`. */
const splitPath = (text: string): { readonly path: string; readonly name?: string } => {
  const at = text.lastIndexOf('@')
  const digest = at === -1 ? '' : text.slice(at + 1)
  if (isDigest(digest) && !/[:]/.test(text.slice(drive(text), at))) return { path: text.slice(0, at), name: digest }
  const colon = text.indexOf(':', drive(text))
  if (colon === -1) return { path: text }
  const name = text.slice(colon + 1)
  return name === '' ? { path: text.slice(0, colon) } : { path: text.slice(0, colon), name }
}

const drive = (text: string): number => (/^[A-Za-z]:[\\/]/.test(text) ? 2 : 0)

/** A location as users write it. */
export const formatLocation = (location: Location): string => {
  switch (location.kind) {
    case 'registry':
      return familiarString(location.reference)
    case 'store':
      return `store:${location.name}`
    case 'folder':
      return `dir:${location.path}`
    case 'layout':
      return `oci:${location.path}${suffix(location.name)}`
    case 'archive':
      return `${location.format}-archive:${location.path}${suffix(location.name)}`
  }
}

const suffix = (name: string | undefined): string => (name === undefined ? '' : `${isDigest(name) ? '@' : ':'}${name}`)
