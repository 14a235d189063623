import { GantryError } from '../lib/errors.ts'
import { familiarName } from '../oci/reference.ts'
import type { RegistryClient } from './interfaces.ts'
import type { Place, Routing } from './mirrors/route.ts'
import { RoutedRepository, type RoutedPlaces } from './mirrors/routed-repository.ts'
import { listPages, listStrings, pageSize } from './pages.ts'
import { RegistryPool, type RegistryPoolOptions, type Server } from './registry-pool.ts'
import { Repository } from './repository.ts'
import { searchIndex } from './search.ts'

export type { RegistryClient } from './interfaces.ts'

export interface RegistryClientOptions extends RegistryPoolOptions {
  /** Mirrors, rewrites and insecure registries. None: every name is what it says. */
  readonly routing?: Routing
}

/** Calls of one request to a mirror: the next one is at hand. */
const mirrorAttempts = 2

const blocked = (name: string, file: string): GantryError =>
  new GantryError('permission_denied', 'REGISTRY_BLOCKED', `Cannot use "${name}": its registry is blocked in "${file}"`)

/** A client for registries. It keeps connections and tokens until it is closed; what it needs for TLS is loaded when it meets TLS. */
export const createRegistryClient = (options: RegistryClientOptions = {}): RegistryClient => {
  const pool = new RegistryPool(options)
  const { routing, onWarning } = options

  /** The server behind a registry's name, for what concerns no repository. */
  const serverOf = async (domain: string): Promise<Server> => {
    const route = await routing?.(domain, '')
    if (route?.kind === 'blocked') throw blocked(domain, route.file)
    return route?.push.domain === domain ? route.push : { domain }
  }

  const places = async (
    shown: { readonly domain: string; readonly path: string },
    repositoryOptions: object,
  ): Promise<RoutedPlaces> => {
    const route = await routing?.(shown.domain, shown.path)
    if (route?.kind === 'blocked') throw blocked(familiarName(shown), route.file)
    const open = (place: Place, attempts?: number): Repository =>
      new Repository(pool.get(place, attempts), place.path, { ...repositoryOptions, shown })
    if (route === undefined) {
      const origin = open(shown)
      return { mirrors: [], origin, push: origin }
    }
    const origin = open(route.origin)
    const isSame = JSON.stringify(route.push) === JSON.stringify(route.origin)
    return {
      mirrors: route.mirrors.map((mirror) => ({ mirror, repository: open(mirror, mirrorAttempts) })),
      origin,
      push: isSame ? origin : open(route.push),
    }
  }

  const close = (): void => pool.close()
  return {
    repository: (name, repositoryOptions = {}) => {
      const direct = (): Repository => new Repository(pool.get(name), name.path, repositoryOptions)
      if (routing === undefined) return direct()
      pool.get(name) // says at once that a domain is none
      return new RoutedRepository(name, async () => await places(name, repositoryOptions), {
        written: repositoryOptions.mountFrom !== undefined,
        ...(onWarning && { onWarning }),
      })
    },
    catalog: async (domain, { signal, limit } = {}) => {
      const pages = listPages(pool.get(await serverOf(domain)), {
        url: `_catalog?n=${pageSize(limit)}`,
        scopes: { needed: ['registry:catalog:*'] },
        purpose: { action: 'catalog', what: `list the repositories of "${domain}"`, name: domain },
        ...(signal && { signal }),
      })
      return await listStrings(pages, 'repositories', limit)
    },
    search: async (domain, term, request) =>
      await searchIndex(pool.get(await serverOf(domain)), term, {
        ...request,
        ...(options.plainHttp !== undefined && { plainHttp: options.plainHttp }),
      }),
    check: async (domain, asked, { signal } = {}) => {
      let kept = asked
      // oxlint-disable-next-line require-await
      const registry = pool.open(
        await serverOf(domain),
        { get: async () => asked },
        {
          onRefreshToken: (token) => (kept = { kind: 'identity-token', token }),
        },
      )
      const response = await registry.send({
        method: 'GET',
        url: '',
        scopes: { needed: [] },
        accept: [200],
        purpose: { action: 'login', what: `log in to "${domain}"`, name: domain },
        ...(signal && { signal }),
      })
      response.discard()
      return kept
    },
    close,
    [Symbol.dispose]: close,
  }
}
