import type { Route } from '../lib/http/server-router.ts'
import type { RepositoryAction, Scope } from './access.ts'
import type { Exchange } from './exchange.ts'
import { digestParameter, manifestReference, repositoryName } from './parameters.ts'
import { deleteBlob, getBlob, headBlob } from './routes/blobs.ts'
import { listRepositories, listTags } from './routes/listings.ts'
import { deleteManifest, getManifest, putManifest } from './routes/manifests.ts'
import { getReferrers } from './routes/referrers.ts'
import { searchRepositories } from './routes/search.ts'
import { deleteUpload, getUpload, patchUpload, postUpload, putUpload } from './routes/uploads.ts'

/** Reads the parameters, asks for access, and answers. */
export type RegistryHandler = (exchange: Exchange, params: readonly string[]) => Promise<void>

type Handle<P> = (exchange: Exchange, params: P) => Promise<void>

/** Routes below a repository: `read` makes typed parameters of what the pattern captured behind the name. */
const repositoryRoute = <P extends object>(
  pattern: RegExp,
  read: (captured: string) => P,
  methods: Readonly<Record<string, readonly [RepositoryAction, Handle<P & { readonly name: string }>]>>,
): Route<RegistryHandler> => {
  const bind =
    (action: RepositoryAction, handle: Handle<P & { readonly name: string }>): RegistryHandler =>
    async (exchange, [first = '', second = '']) => {
      const name = repositoryName(first)
      // who may push may also pull, but not everywhere the other way round
      if (exchange.registry.access !== undefined)
        await exchange.authorise([{ kind: 'repository', name, actions: action === 'push' ? ['pull', 'push'] : [action] }])
      await handle(exchange, { ...read(second), name })
    }
  return {
    pattern,
    methods: Object.fromEntries(Object.entries(methods).map(([method, [action, handle]]) => [method, bind(action, handle)])),
  }
}

const plainRoute = (
  pattern: RegExp,
  scopes: readonly Scope[],
  handle: (exchange: Exchange) => Promise<void> | void,
): Route<RegistryHandler> => {
  const handler: RegistryHandler = async (exchange) => {
    await exchange.authorise(scopes)
    await handle(exchange)
  }
  return { pattern, methods: { GET: handler, HEAD: handler } }
}

const digest = (text: string) => ({ digest: digestParameter(text) })
const reference = (text: string) => ({ reference: manifestReference(text) })
const id = (text: string) => ({ id: text })
const nothing = () => ({})

/** The endpoints of distribution-spec §Endpoints and Docker's search, the busiest first. No path fits two patterns but that of an upload, which precedes blobs. */
export const registryRoutes: readonly Route<RegistryHandler>[] = [
  repositoryRoute(/^\/v2\/(.+)\/manifests\/([^/]+)$/, reference, {
    GET: ['pull', getManifest],
    HEAD: ['pull', getManifest],
    PUT: ['push', putManifest],
    DELETE: ['delete', deleteManifest],
  }),
  repositoryRoute(/^\/v2\/(.+)\/blobs\/uploads\/?$/, nothing, { POST: ['push', postUpload] }),
  repositoryRoute(/^\/v2\/(.+)\/blobs\/uploads\/([^/]+)$/, id, {
    GET: ['push', getUpload],
    HEAD: ['push', getUpload],
    PATCH: ['push', patchUpload],
    PUT: ['push', putUpload],
    DELETE: ['push', deleteUpload],
  }),
  repositoryRoute(/^\/v2\/(.+)\/blobs\/([^/]+)$/, digest, {
    GET: ['pull', getBlob],
    HEAD: ['pull', headBlob],
    DELETE: ['delete', deleteBlob],
  }),
  repositoryRoute(/^\/v2\/(.+)\/tags\/list$/, nothing, { GET: ['pull', listTags] }),
  repositoryRoute(/^\/v2\/(.+)\/referrers\/([^/]+)$/, digest, { GET: ['pull', getReferrers] }),
  plainRoute(/^\/v2\/?$/, [], (exchange) => exchange.json(200, {})),
  plainRoute(/^\/v2\/_catalog$/, [{ kind: 'catalog' }], listRepositories),
  plainRoute(/^\/v1\/search$/, [{ kind: 'catalog' }], searchRepositories),
]
