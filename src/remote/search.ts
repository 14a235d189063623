import { collect, parseJson, type Abortable } from '../lib/bytes.ts'
import { asList, asRecord, asString, at, isAbsent, type Place } from '../oci/json-shape.ts'
import type { SearchResult } from './interfaces.ts'
import type { Registry } from './registry.ts'

const answerLimit = 4 << 20
const entryLimit = 10_000

/** Docker Hub answers searches on another host than it serves its registry on. */
const hubIndex = 'index.docker.io'

export interface SearchRequest extends Abortable {
  /** Most results. */
  readonly limit: number
  /** Only plain HTTP is spoken. */
  readonly plainHttp?: boolean
}

/**
 * Asks an index for images by a term, as docker does (`GET /v1/search?q=&n=`): Docker Hub for `docker.io`, else the registry itself,
 * which few offer. Undefined if it has no search.
 */
export const searchIndex = async (
  registry: Registry,
  term: string,
  { limit, plainHttp, signal }: SearchRequest,
): Promise<readonly SearchResult[] | undefined> => {
  const { domain } = registry
  const query = `?q=${encodeURIComponent(term)}&n=${limit}`
  const what = `search "${domain}"`
  const response = await registry.send({
    method: 'GET',
    // relative to `/v2/`
    url:
      domain === 'docker.io'
        ? new URL(`${plainHttp === true ? 'http' : 'https'}://${hubIndex}/v1/search${query}`)
        : `../v1/search${query}`,
    scopes: { needed: [] },
    accept: [200, 400, 404, 405, 501],
    purpose: { action: 'list', what, name: domain },
    ...(signal && { signal }),
  })
  // registries with pages for people answer anything with one of them
  if (response.status !== 200 || !/json/i.test(response.header('content-type') ?? '')) {
    response.discard()
    return undefined
  }
  const body = parseJson(await collect(response.body, answerLimit, `the answer to "${what}"`), 'the answer to a search')
  const results = at({ what: 'answer to a search', path: '', value: body }, 'results')
  return isAbsent(results) ? [] : asList(results, entryLimit, readResult).slice(0, limit)
}

const readResult = (place: Place): SearchResult => {
  const { star_count: stars, is_official: official, is_automated: automated } = asRecord(place)
  const description = at(place, 'description')
  return {
    name: asString(at(place, 'name')),
    description: isAbsent(description) ? '' : asString(description),
    stars: typeof stars === 'number' && Number.isFinite(stars) ? stars : 0,
    isOfficial: official === true,
    isAutomated: automated === true,
  }
}
