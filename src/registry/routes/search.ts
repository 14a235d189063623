import { GantryError } from '../../lib/errors.ts'
import { rankNames } from '../../lib/rank-names.ts'
import type { Exchange } from '../exchange.ts'
import type { RegistryStorage } from '../interfaces.ts'

const pageSize = 1000
/** Most repositories that are looked through for one answer. */
const searchLimit = 100_000
const mostResults = 100
const defaultResults = 25

/**
 * GET /v1/search?q=&n=&page=, which `docker search HOST/TERM` asks (Docker's index API of old; Docker Hub still answers it): the
 * repositories that the caller may pull and whose names hold the term.
 */
export const searchRepositories = async (exchange: Exchange): Promise<void> => {
  const { query } = exchange
  const term = query.get('q') ?? ''
  const size = Math.min(mostResults, Math.max(1, numberOf(query, 'n', defaultResults)))
  const page = Math.max(1, numberOf(query, 'page', 1))
  const ranked = rankNames(await repositoriesOf(exchange.registry.storage), term)
  const visible: string[] = []
  for (const name of ranked) if (await exchange.mayPull(name)) visible.push(name)
  exchange.json(200, {
    query: term,
    page,
    page_size: size,
    num_pages: Math.ceil(visible.length / size),
    num_results: visible.length,
    results: visible.slice((page - 1) * size, page * size).map((name) => ({
      name,
      description: '',
      star_count: 0,
      is_official: false,
      is_automated: false,
    })),
  })
}

const numberOf = (query: URLSearchParams, key: string, fallback: number): number => {
  const text = query.get(key)
  if (text === null || text === '') return fallback
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new GantryError('invalid_argument', 'PAGE_INVALID', `Cannot search: "${key}" is not a number of entries`, {
    detail: { [key]: text.slice(0, 100) },
  })
}

const repositoriesOf = async (storage: RegistryStorage): Promise<readonly string[]> => {
  const names: string[] = []
  for (let last: string | undefined; names.length < searchLimit;) {
    const page = await storage.repositories(last === undefined ? { limit: pageSize } : { limit: pageSize, last })
    names.push(...page)
    last = page.at(-1)
    if (last === undefined || page.length < pageSize) break
  }
  return names
}
