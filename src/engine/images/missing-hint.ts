import type { Abortable } from '../../lib/bytes.ts'
import { editDistance } from '../../lib/edit-distance.ts'
import { isGantryError } from '../../lib/errors.ts'
import { familiarName, familiarString, withTag, type Reference } from '../../oci/reference.ts'
import { isReferrersTag, newestFirst } from '../../oci/tag-order.ts'
import type { RegistryClient, RemoteRepository } from '../../remote/interfaces.ts'

/** Tags that a hint names. */
const shown = 10
/** Repositories that are looked at for similar names, and milliseconds that a hint may cost. */
const catalogLimit = 1000
const patience = 5000

/** What to try where a repository does not have a tag; undefined if the registry tells nothing. */
export const hintForMissing = async (
  client: RegistryClient,
  repository: RemoteRepository,
  reference: Reference,
  { signal }: Abortable,
): Promise<string | undefined> => {
  const patient = { signal: within(signal) }
  const tags = await tagsOf(repository, patient)
  if (tags === 'unknown') return undefined
  if (tags === 'none') return await hintForUnknown(client, reference, patient)
  return tags.length > 0 ? tagsHint(tags, reference) : `the repository "${familiarName(reference)}" has no tags`
}

const within = (signal: AbortSignal | undefined): AbortSignal =>
  AbortSignal.any([AbortSignal.timeout(patience), ...(signal === undefined ? [] : [signal])])

/** What to try where a registry does not have a repository: those that are called alike. */
export const hintForUnknown = async (client: RegistryClient, reference: Reference, { signal }: Abortable): Promise<string> => {
  const similar = await similarRepositories(client, reference, { signal: within(signal) })
  if (similar.length === 0) return `the registry has no repository "${familiarName(reference)}": check the name`
  return `did you mean ${similar.map((path) => `"${familiarName({ ...reference, path })}"`).join(' or ')}?`
}

/** `none`: there is no such repository; `unknown`: the registry does not tell, and its first answer says more. */
const tagsOf = async (repository: RemoteRepository, options: Abortable): Promise<readonly string[] | 'none' | 'unknown'> => {
  try {
    return (await repository.tags(options)).filter((tag) => !isReferrersTag(tag))
  } catch (error) {
    return isGantryError(error, 'not_found') ? 'none' : 'unknown'
  }
}

const tagsHint = (tags: readonly string[], reference: Reference): string => {
  const sorted = newestFirst(tags)
  const more = sorted.length > shown ? ` and ${sorted.length - shown} more` : ''
  const command = `gantry pull ${familiarString(withTag(reference, sorted[0] ?? ''))}`
  return `these tags exist: ${sorted.slice(0, shown).join(', ')}${more}; try '${command}'`
}

/** Names of at most two changes, or with the same last part, where the registry lists its repositories. Docker Hub does not. */
const similarRepositories = async (
  client: RegistryClient,
  { domain, path }: Reference,
  options: Abortable,
): Promise<readonly string[]> => {
  if (domain === 'docker.io') return []
  const last = (name: string): string => name.slice(name.lastIndexOf('/') + 1)
  try {
    const names = await client.catalog(domain, { ...options, limit: catalogLimit })
    const ranked = names.map((name) => ({
      name,
      changes: editDistance(name, path, 3),
      lastChanges: editDistance(last(name), last(path), 2),
    }))
    return ranked
      .filter(({ changes, lastChanges }) => changes < 3 || lastChanges < 2)
      .toSorted((a, b) => a.changes - b.changes || a.lastChanges - b.lastChanges)
      .slice(0, 3)
      .map(({ name }) => name)
  } catch {
    return []
  }
}
