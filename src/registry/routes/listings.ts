import { formatNextLink } from '../../lib/http/link.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Exchange } from '../exchange.ts'
import type { PageRequest } from '../interfaces.ts'
import { pageParameters } from '../parameters.ts'

/** A page of names, and the Link header if there are more; one name too many is read to know. */
const readPage = async (
  exchange: Exchange,
  path: string,
  list: (page: PageRequest) => Promise<readonly string[]>,
): Promise<{ readonly names: readonly string[]; readonly headers: Readonly<Record<string, string>> }> => {
  const page = pageParameters(exchange.query)
  const { limit } = page
  if (limit === undefined) return { names: await list(page), headers: {} }
  const found = await list({ ...page, limit: limit + 1 })
  const names = found.slice(0, limit)
  const last = names.at(-1)
  if (last === undefined || found.length <= limit) return { names, headers: {} }
  return { names, headers: { Link: formatNextLink(`${path}?n=${limit}&last=${encodeURIComponent(last)}`) } }
}

/** GET /v2/<name>/tags/list (distribution-spec §Listing Tags), in ASCII order. */
export const listTags = async (exchange: Exchange, { name }: { readonly name: string }): Promise<void> => {
  const repository = exchange.repository(name)
  const { names, headers } = await readPage(exchange, `/v2/${name}/tags/list`, (page) => repository.tags(page))
  if (names.length === 0 && !(await repository.exists()))
    throw new GantryError('not_found', 'NAME_UNKNOWN', `Cannot list tags of "${name}": the repository does not exist`, {
      detail: { name },
    })
  exchange.json(200, { name, tags: names }, headers)
}

/** GET /v2/_catalog, which is Docker's and not in the spec, but asked for. */
export const listRepositories = async (exchange: Exchange): Promise<void> => {
  const { storage } = exchange.registry
  const { names, headers } = await readPage(exchange, '/v2/_catalog', (page) => storage.repositories(page))
  exchange.json(200, { repositories: names }, headers)
}
