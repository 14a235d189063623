import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { familiarName, manifestReference, type Reference } from '../../oci/reference.ts'
import type { RegistryClient, RemoteRepository } from '../../remote/interfaces.ts'

/**
 * Resolves a reference in the registry. What a tag that is not there may have meant is the hint of the registry's own error: the tags
 * that are there, the newest version first, else repositories with a similar name.
 */
export const resolveRemote = async (
  client: RegistryClient,
  repository: RemoteRepository,
  reference: Reference,
  options: Abortable,
): Promise<Descriptor> => {
  try {
    return await repository.resolve(manifestReference(reference), options)
  } catch (error) {
    if (!isGantryError(error, 'not_found') || reference.digest !== undefined) throw error
    const { hintForMissing } = await import('./missing-hint.ts')
    const hint = await hintForMissing(client, repository, reference, options)
    throw new GantryError(error.kind, error.code, error.message, {
      cause: error,
      hint: hint ?? error.hint ?? `check the name "${familiarName(reference)}" and the tag`,
      ...(error.detail === undefined ? {} : { detail: error.detail }),
    })
  }
}
