import type { Digest } from '../oci/digest.ts'
import { familiarName, familiarString } from '../oci/reference.ts'
import type { Scopes } from './auth/authorizer.ts'
import { repositoryScope } from './auth/scope.ts'
import type { Purpose } from './failure.ts'
import type { RepositoryOptions } from './interfaces.ts'
import type { Registry } from './registry.ts'

/** What all requests to one repository share. */
export interface RepositoryContext {
  readonly registry: Registry
  readonly path: string
  /** What users know it as: a mirror's is the repository that it mirrors. */
  readonly shown: { readonly domain: string; readonly path: string }
  /** That, as users write it. */
  readonly name: string
  /** Other repositories that may hold blobs to push. */
  readonly mountFrom: readonly string[]
  readonly read: Scopes
  readonly write: Scopes
}

/** A repository that will be written to asks for all that it will need with its first token, the others' blobs included. */
export const createContext = (
  registry: Registry,
  path: string,
  { mountFrom, shown = { domain: registry.domain, path } }: RepositoryOptions,
): RepositoryContext => {
  const write: Scopes = {
    needed: [repositoryScope(path, 'pull', 'push')],
    extra: (mountFrom ?? []).map((from) => repositoryScope(from, 'pull')),
  }
  return {
    registry,
    path,
    shown,
    name: familiarName(shown),
    mountFrom: mountFrom ?? [],
    read: mountFrom === undefined ? { needed: [repositoryScope(path, 'pull')] } : write,
    write,
  }
}

/** Why a manifest is asked for; `reference` is a tag or a digest. */
export const manifestPurpose = ({ shown, name }: RepositoryContext, action: Purpose['action'], reference: string): Purpose => {
  const kind = reference.includes(':') ? { digest: reference as Digest } : { tag: reference }
  const manifest = familiarString({ ...shown, ...kind })
  return { action, what: `${action} "${manifest}"`, name, manifest }
}

/** Why anything else is asked for: `upload "sha256:…" to` and the repository's name follows. */
export const purpose = ({ name }: RepositoryContext, action: Purpose['action'], what: string): Purpose => ({
  action,
  what: `${what} "${name}"`,
  name,
})
