import type { IncomingMessage } from 'node:http'

/** What a request wants to do: read or change a repository, or list the repositories of the registry. */
export type Scope =
  | { readonly kind: 'repository'; readonly name: string; readonly actions: readonly RepositoryAction[] }
  | { readonly kind: 'catalog' }

export type RepositoryAction = 'pull' | 'push' | 'delete'

/** Who may do what. A server without one lets everybody do everything. */
export interface RegistryAccess<Identity = unknown> {
  /** Who is asking; how nobody in particular is represented is up to the implementation. `unauthenticated` for wrong credentials. */
  identify(request: IncomingMessage): Promise<Identity>
  /** `unauthenticated` or `permission_denied` unless all scopes are granted. No scope at all is the question of `GET /v2/`. */
  authorise(identity: Identity, scopes: readonly Scope[]): Promise<void>
  /** The WWW-Authenticate header of a 401 answer. */
  challenge(request: IncomingMessage, scopes: readonly Scope[]): string
}
