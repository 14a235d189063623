import { parseReference, repositoryName, type Reference } from '../oci/reference.ts'

/** The names of an image that lists show: one by digest counts only where its repository has no tag of the image. */
export const shownNames = (names: readonly string[]): readonly Reference[] => {
  const references = names.map((name) => parseReference(name))
  const tagged = new Set(references.filter(({ tag }) => tag !== undefined).map(repositoryName))
  return references.filter((reference) => reference.tag !== undefined || !tagged.has(repositoryName(reference)))
}
