import { GantryError } from '../lib/errors.ts'
import { isDigest } from '../oci/digest.ts'
import { isTag } from '../oci/reference-grammar.ts'
import { familiarName, manifestReference, parseReference, withDefaultTag } from '../oci/reference.ts'

/** A tag or digest from what may be a full reference, which must be one to the repository. */
export const referenceIn = (repository: { readonly domain: string; readonly path: string }, text: string): string => {
  if (isDigest(text) || isTag(text)) return text
  const reference = withDefaultTag(parseReference(text))
  if (reference.domain === repository.domain && reference.path === repository.path) return manifestReference(reference)
  throw new GantryError(
    'invalid_argument',
    'REFERENCE_INVALID',
    `Cannot use "${text}": it is not in the repository "${familiarName(repository)}"`,
  )
}
