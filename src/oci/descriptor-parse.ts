import type { Descriptor, Platform } from './descriptor.ts'
import { isDigest, parseDigest, type Digest } from './digest.ts'
import { asCount, asList, asRecord, asString, asStringMap, at, isAbsent, optional, shapeError, type Place } from './json-shape.ts'

const maxMediaTypeLength = 255
const maxUrls = 100

/** A media type of at most 255 characters; parameters are accepted, since artifacts in registries have them. */
export const readMediaType = (place: Place): string => {
  const text = asString(place)
  if (text.length > maxMediaTypeLength || !/^[!-.0-~]+\/[ -~]+$/.test(text)) throw shapeError(place, 'a media type')
  return text
}

const readDigest = (place: Place): Digest => {
  const text = asString(place)
  return isDigest(text) ? text : parseDigest(text)
}

/** An entry with neither operating system nor architecture says nothing: it counts as an entry without a platform. */
const readPlatform = (place: Place): Platform | undefined => {
  asRecord(place)
  const os = at(place, 'os')
  const architecture = at(place, 'architecture')
  if (isAbsent(os) && isAbsent(architecture)) return undefined
  const platform = {
    os: isAbsent(os) ? '' : asString(os),
    architecture: isAbsent(architecture) ? '' : asString(architecture),
    ...optional(place, 'variant', asString),
    ...optional(place, 'os.version', asString),
    ...optional(place, 'os.features', (features) => asList(features, 100, asString)),
  }
  return platform.os === '' && platform.architecture === '' ? undefined : platform
}

/** A descriptor of untrusted JSON (image-spec descriptor.md); fields that the type does not have are dropped. */
export const readDescriptor = (place: Place): Descriptor => {
  asRecord(place)
  const platform = at(place, 'platform')
  const known = isAbsent(platform) ? undefined : readPlatform(platform)
  return {
    mediaType: readMediaType(at(place, 'mediaType')),
    digest: readDigest(at(place, 'digest')),
    size: asCount(at(place, 'size')),
    ...optional(place, 'urls', (urls) => asList(urls, maxUrls, asString)),
    ...optional(place, 'annotations', asStringMap),
    ...(known === undefined ? {} : { platform: known }),
    ...optional(place, 'artifactType', asString),
    ...optional(place, 'data', asString),
  }
}
