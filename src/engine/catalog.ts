import { hasWildcard, matchGlob, parseGlob } from '../build/glob.ts'
import type { Abortable } from '../lib/bytes.ts'
import { GantryError, isGantryError } from '../lib/errors.ts'
import type { Engine } from './engine.ts'

export interface CatalogOptions extends Abortable {
  /** At most so many. */
  readonly limit?: number
  /** A pattern of Go's path.Match over the whole name, or a text in it; all must fit. */
  readonly filters?: readonly string[]
}

/** The repositories of a registry (`HOST[:PORT]`), in its order, without the host. `unsupported` where it does not list them. */
export const listRepositories = async (
  engine: Engine,
  registry: string,
  { limit, filters = [], signal }: CatalogOptions = {},
): Promise<readonly string[]> => {
  const domain = registryHost(registry)
  const abortable = signal === undefined ? {} : { signal }
  const globs = filters.map((text) => (hasWildcard(text) ? parseGlob(text, true) : undefined) ?? text)
  const names = await namesOf(engine, domain, {
    ...abortable,
    // what is filtered has to be seen
    ...(limit === undefined || globs.length > 0 ? {} : { limit: Math.max(1, limit) }),
  })
  const fits = (name: string): boolean =>
    globs.every((glob) => (typeof glob === 'string' ? name.includes(glob) : matchGlob(glob, name)))
  return names.filter(fits).slice(0, limit)
}

/** What users type for a registry, a URL perhaps, as `HOST[:PORT]`. */
export const registryHost = (text: string): string => text.replace(/^https?:\/\//, '').replace(/\/$/, '')

const namesOf = async (
  engine: Engine,
  domain: string,
  options: Abortable & { readonly limit?: number },
): Promise<readonly string[]> => {
  try {
    return await (await engine.registry()).catalog(domain, options)
  } catch (error) {
    if (!isGantryError(error, 'not_found') && !isGantryError(error, 'unsupported')) throw error
    throw new GantryError('unsupported', 'NO_CATALOG', `Cannot list the repositories of "${domain}": it does not offer that`, {
      cause: error,
      hint: domain === 'docker.io' ? "try 'gantry search TERM'" : `try 'gantry tags ${domain}/REPOSITORY'`,
    })
  }
}
