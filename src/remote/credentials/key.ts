import { GantryError } from '../../lib/errors.ts'
import { isDomain, isRepositoryPath } from '../../oci/reference-grammar.ts'
import type { LoginTarget } from '../interfaces.ts'

/** Docker Hub's key in `auths`, from the days of its first registry. */
export const hubKey = 'https://index.docker.io/v1/'
const hub = 'docker.io'
const hubHosts = new Set(['index.docker.io', 'registry-1.docker.io', 'www.docker.io'])

/** What a key of `auths` or `credHelpers` names: a host, or a host and the beginning of a path (containers-auth.json(5)). Docker Hub has one spelling. */
export const normalizeKey = (key: string): string => {
  const isUrl = /^https?:\/\//i.test(key)
  const [host = '', ...path] = key.replace(/^https?:\/\//i, '').split('/')
  const normal = hubHosts.has(host.toLowerCase()) ? hub : host.toLowerCase()
  // a path of the API (`host/v1/`) is not one of a repository
  const rest = isUrl || /^v[12]$/.test(path[0] ?? '') ? [] : path.filter(Boolean)
  return [normal, ...rest].join('/')
}

/** What a user types to log in to: nothing or any name of Docker Hub, a URL, a host, or a host and the beginning of a path. */
export const parseLoginTarget = (text: string | undefined): LoginTarget => {
  const [domain = '', ...path] = normalizeKey(text || hub).split('/')
  if (isDomain(domain) && (path.length === 0 || isRepositoryPath(path.join('/'))))
    return { domain, ...(path.length > 0 && { path: path.join('/') }) }
  throw new GantryError('invalid_argument', 'LOGIN_TARGET_INVALID', `Cannot log in to "${text}": it is no registry`, {
    hint: 'write HOST, HOST:PORT or HOST/NAMESPACE',
  })
}

/** The key under which a registry's credentials are kept, in the file and in helpers. */
export const keyOf = (domain: string): string => (domain === hub ? hubKey : domain.toLowerCase())

/** The keys that fit a repository, the most specific first: `host/a/b`, `host/a`, `host`. */
export const candidateKeys = (domain: string, path: string | undefined): readonly string[] => {
  const host = domain.toLowerCase()
  const parts = path === undefined || path === '' ? [] : path.split('/')
  return [...parts.map((_, index) => [host, ...parts.slice(0, parts.length - index)].join('/')), host]
}
