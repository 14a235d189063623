import type { Abortable } from '../lib/bytes.ts'
import { GantryError, isGantryError } from '../lib/errors.ts'
import { rankNames } from '../lib/rank-names.ts'
import type { RegistryClient, SearchResult } from '../remote/interfaces.ts'
import type { Engine } from './engine.ts'

export interface SearchOptions extends Abortable {
  /** Most results, 1 to 100; default 25. */
  readonly limit?: number
  /** docker's: `stars=N` at least, `is-official=BOOLEAN`, `is-automated=BOOLEAN`. */
  readonly filters?: readonly string[]
}

/** Most repositories of a registry without a search that are looked through. */
const catalogLimit = 20_000

/**
 * Searches Docker Hub, or the registry that `HOST/TERM` names: by its search if it has one, else among its repositories. The most
 * popular come first; names of other hosts than Docker Hub begin with the host, so that they can be pulled as they stand.
 */
export const searchImages = async (
  engine: Engine,
  text: string,
  options: SearchOptions = {},
): Promise<readonly SearchResult[]> => {
  const { limit = 25, filters = [], signal } = options
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw new GantryError('invalid_argument', 'LIMIT_INVALID', `Limit ${limit} is outside the range of [1, 100]`)
  const keep = filters.map(parseFilter)
  const { domain, term } = splitTerm(text)
  const client = await engine.registry()
  const request = { limit, ...(signal === undefined ? {} : { signal }) }
  const found = (await client.search(domain, term, request)) ?? (await searchCatalog(client, domain, term, request))
  return found
    .filter((result) => keep.every((passes) => passes(result)))
    .map((result) => (domain === 'docker.io' ? result : { ...result, name: `${domain}/${result.name}` }))
    .toSorted((a, b) => b.stars - a.stars)
}

/** The first part is a host under the same rule as in a reference. */
const splitTerm = (text: string): { readonly domain: string; readonly term: string } => {
  const slash = text.indexOf('/')
  const first = text.slice(0, Math.max(0, slash))
  const isHost = first === 'localhost' || /[.:]/.test(first)
  const domain = !isHost || first === 'index.docker.io' ? 'docker.io' : first
  const term = isHost ? text.slice(slash + 1) : text
  if (/^https?:\/\//.test(text))
    throw new GantryError('invalid_argument', 'TERM_INVALID', `Cannot search for "${text}": it is a URL`, {
      hint: 'write it without the scheme, as "HOST/TERM"',
    })
  return { domain, term: domain === 'docker.io' ? term.replace(/^library\//, '') : term }
}

const searchCatalog = async (
  client: RegistryClient,
  domain: string,
  term: string,
  { limit, signal }: Abortable & { readonly limit: number },
): Promise<readonly SearchResult[]> => {
  try {
    const names = await client.catalog(domain, { limit: catalogLimit, ...(signal === undefined ? {} : { signal }) })
    const plain = { description: '', stars: 0, isOfficial: false, isAutomated: false }
    return rankNames(names, term)
      .slice(0, limit)
      .map((name) => ({ name, ...plain }))
  } catch (error) {
    if (!isGantryError(error, 'not_found') && !isGantryError(error, 'unsupported')) throw error
    throw new GantryError(
      'unsupported',
      'NO_SEARCH',
      `Cannot search "${domain}": it has neither a search nor a list of repositories`,
      {
        cause: error,
      },
    )
  }
}

type SearchFilter = (result: SearchResult) => boolean

const parseFilter = (text: string): SearchFilter => {
  const [name = '', value = ''] = text.split(/=(.*)/s)
  if (name === 'stars') {
    if (!/^\d+$/.test(value)) throw invalid(`stars=[${value}]`)
    return ({ stars }) => stars >= Number(value)
  }
  if (name !== 'is-official' && name !== 'is-automated') throw invalid(name)
  if (!/^(?:true|false|1|0)$/.test(value)) throw invalid(`${name}=[${value}]`)
  const wanted = value === 'true' || value === '1'
  return (result) => (name === 'is-official' ? result.isOfficial : result.isAutomated) === wanted
}

const invalid = (text: string): GantryError =>
  new GantryError('invalid_argument', 'FILTER_INVALID', `Cannot search: invalid filter '${text}'`, {
    hint: 'is-official=true, is-automated=true and stars=NUMBER are known',
  })
