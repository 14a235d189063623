import { collect, parseJson, type Abortable } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { HttpResponse } from '../lib/http/client.ts'
import { decoded } from '../lib/http/decoded.ts'
import { nextLink } from '../lib/http/link.ts'
import type { Registry, RegistryRequest } from './registry.ts'

const pageLimit = 16 * 1024 * 1024
const maxPages = 10_000

export interface Page {
  readonly response: HttpResponse
  readonly body: unknown
}

const parseList = (bytes: Uint8Array, { purpose }: Pick<RegistryRequest, 'purpose'>): unknown => {
  try {
    return parseJson(bytes, 'the list')
  } catch (cause) {
    throw new GantryError('unavailable', 'JSON_INVALID', `Cannot ${purpose.what}: the list is not valid JSON`, { cause })
  }
}

/** The pages of a list, by their Link headers (distribution-spec §Listing Tags). A list that leads in a circle is an error. */
export async function* listPages(
  registry: Registry,
  request: Omit<RegistryRequest, 'method' | 'accept'> & Abortable,
): AsyncGenerator<Page, void, undefined> {
  const seen = new Set<string>()
  for (let url: RegistryRequest['url'] = request.url; ;) {
    const response = await registry.send({ ...request, method: 'GET', url, accept: [200] })
    const body = parseList(await collect(decoded(response), pageLimit, `the answer to "${request.purpose.what}"`), request)
    yield { response, body }
    const next = nextLink(response.header('link'))
    if (next === undefined) return
    url = registry.locate(next, response.url)
    if (seen.has(url.href) || seen.size === maxPages)
      throw new GantryError('unavailable', 'LIST_ENDLESS', `Cannot ${request.purpose.what}: the registry's list does not end`)
    seen.add(url.href)
  }
}

/** The strings under a key of each page; `null` and absence are empty lists. */
export const listStrings = async (
  pages: AsyncIterable<Page>,
  key: string,
  limit = Number.POSITIVE_INFINITY,
): Promise<readonly string[]> => {
  const strings: string[] = []
  for await (const { body } of pages) {
    const page: unknown = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[key] : undefined
    if (Array.isArray(page)) for (const text of page) if (typeof text === 'string') strings.push(text)
    if (strings.length >= limit) return strings.slice(0, limit)
  }
  return strings
}

/** Names on a page: more would be refused by some registries. */
export const pageSize = (limit: number | undefined): number => Math.max(1, Math.min(limit ?? 1000, 1000))
