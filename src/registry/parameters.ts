import { GantryError } from '../lib/errors.ts'
import { isDigest, parseDigest, type Digest } from '../oci/digest.ts'
import { isRepositoryPath, isTag } from '../oci/reference-grammar.ts'

const maxNameLength = 255

/** A repository name as it stands in a path; one that is not valid, or is percent-encoded, is NAME_INVALID. */
export const repositoryName = (text: string): string => {
  if (text.length <= maxNameLength && isRepositoryPath(text)) return text
  throw new GantryError(
    'invalid_argument',
    'NAME_INVALID',
    `Cannot use repository name "${text.slice(0, maxNameLength)}": it is not valid`,
    {
      hint: `use at most ${maxNameLength} lower-case letters, digits, and ".", "_", "-" and "/" between them`,
    },
  )
}

const decode = (text: string): string => {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new GantryError(
      'invalid_argument',
      'PATH_INVALID',
      `Cannot read "${text.slice(0, 200)}": it is not percent-encoded text`,
      { cause },
    )
  }
}

/** A digest as it stands in a path or a query; DIGEST_INVALID or DIGEST_UNSUPPORTED. */
export const digestParameter = (text: string): Digest => parseDigest(decode(text))

/** What comes after `/manifests/`: a digest, or a tag; DIGEST_INVALID for a broken digest. */
export type ManifestReference =
  | { readonly kind: 'digest'; readonly digest: Digest }
  | { readonly kind: 'tag'; readonly tag: string }

export const manifestReference = (text: string): ManifestReference => {
  const decoded = decode(text)
  if (isDigest(decoded)) return { kind: 'digest', digest: decoded }
  // a tag cannot have a colon
  return decoded.includes(':') ? { kind: 'digest', digest: parseDigest(decoded) } : { kind: 'tag', tag: decoded }
}

/** A tag that is to be made; TAG_INVALID. */
export const tagParameter = (tag: string): string => {
  if (isTag(tag)) return tag
  throw new GantryError('invalid_argument', 'TAG_INVALID', `Cannot use tag "${tag.slice(0, 200)}": it is not valid`, {
    hint: 'use at most 128 letters, digits, "_", "." and "-", not beginning with "." or "-"',
  })
}

/** The `n` and `last` of a listing (distribution-spec §Listing Tags); undefined limit for all of it. */
export const pageParameters = (query: URLSearchParams): { readonly limit?: number; readonly last?: string } => {
  const n = query.get('n')
  const last = query.get('last')
  if (n !== null && !/^\d{1,9}$/.test(n))
    throw new GantryError('invalid_argument', 'PAGE_INVALID', `Cannot list: "n" is not a number of entries`, {
      detail: { n: n.slice(0, 100) },
    })
  return { ...(n === null ? {} : { limit: Number(n) }), ...(last === null ? {} : { last }) }
}
