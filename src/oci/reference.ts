import { GantryError } from '../lib/errors.ts'
import { parseDigest, type Digest } from './digest.ts'
import { isDigestSyntax, isDomain, isIdentifier, isRepositoryPath, isTag } from './reference-grammar.ts'

/**
 * A normalised named reference: `busybox` is `{ domain: 'docker.io', path: 'library/busybox' }`. Where both are there, the digest
 * names the content and the tag is never checked against it.
 */
export interface Reference {
  /** `host` or `host:port` as written; `docker.io` for Docker Hub. */
  readonly domain: string
  /** The repository's path on that host, at most 255 characters. */
  readonly path: string
  readonly tag?: string
  readonly digest?: Digest
}

/** The tag that stands for "no tag was given". */
export const defaultTag = 'latest'
const hub = 'docker.io'
const official = 'library/'
const maxPathLength = 255

const quoted = (text: string): string => JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text)
const raw = (text: string): string => quoted(text).slice(1, -1)

const invalid = (text: string, reason: string, hint?: string): GantryError =>
  new GantryError(
    'invalid_argument',
    'REFERENCE_INVALID',
    `Cannot parse reference ${quoted(text)}: ${reason}`,
    hint === undefined ? {} : { hint },
  )

/** The first component is a host only if it is `localhost` or has a `.`, a `:` or an upper-case letter; without a slash there is none. */
const splitDomain = (text: string): readonly [domain: string, rest: string] => {
  const slash = text.indexOf('/')
  if (slash === -1) return [hub, official + text]
  const first = text.slice(0, slash)
  const isHost = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first
  const domain = !isHost || first === 'index.docker.io' ? hub : first
  const rest = isHost ? text.slice(slash + 1) : text
  return [domain, domain === hub && !rest.includes('/') ? official + rest : rest]
}

const splitRest = (
  rest: string,
): { readonly path: string; readonly tag: string | undefined; readonly digest: string | undefined } => {
  const at = rest.indexOf('@')
  const named = at === -1 ? rest : rest.slice(0, at)
  const colon = named.indexOf(':')
  return {
    path: colon === -1 ? named : named.slice(0, colon),
    tag: colon === -1 ? undefined : named.slice(colon + 1),
    digest: at === -1 ? undefined : rest.slice(at + 1),
  }
}

const fitsGrammar = (domain: string, rest: string): boolean => {
  const { path, tag, digest } = splitRest(rest)
  return (
    isDomain(domain) &&
    isRepositoryPath(path) &&
    (tag === undefined || isTag(tag)) &&
    (digest === undefined || isDigestSyntax(digest))
  )
}

const referenceDigest = (text: string, digest: string): Digest => {
  try {
    return parseDigest(digest)
  } catch (cause) {
    if (!(cause instanceof GantryError)) throw cause
    const reason = cause.message.slice(cause.message.lastIndexOf(': ') + 2)
    throw new GantryError('invalid_argument', cause.code, `Cannot parse reference ${quoted(text)}: ${reason}`, { cause })
  }
}

/**
 * Parses what a user may write for an image (`busybox`, `localhost:5000/a/b:1`, `x@sha256:…`) into its normalised form. Anything
 * else is an `invalid_argument` error with the reason that docker gives. One departure from docker: a first component that must be
 * a host but cannot be one (`a_b.c/x`) is refused, where docker makes a reference with an empty host of it.
 */
export const parseReference = (text: string): Reference => {
  if (isIdentifier(text))
    throw invalid(text, `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`, 'this is an image ID')
  const [domain, rest] = splitDomain(text)
  const colon = rest.indexOf(':')
  const remote = colon === -1 ? rest : rest.slice(0, colon)
  if (remote.toLowerCase() !== remote)
    throw invalid(text, `invalid reference format: repository name (${raw(remote)}) must be lowercase`)
  if (!fitsGrammar(domain, rest)) {
    // Letters such as the Kelvin sign are upper case to Unicode and lower to ASCII ones.
    if (fitsGrammar(domain.toLowerCase(), rest.toLowerCase())) throw invalid(text, 'repository name must be lowercase')
    const hint = text.includes('://') ? 'write it without the scheme, as "HOST/PATH:TAG"' : undefined
    throw invalid(text, 'invalid reference format', hint)
  }
  const { path, tag, digest } = splitRest(rest)
  if (path.length > maxPathLength) throw invalid(text, `repository name must not be more than ${maxPathLength} characters`)
  return {
    domain,
    path,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest: referenceDigest(text, digest) }),
  }
}

/** `docker.io/library/busybox`: host and path without tag and digest. */
export const repositoryName = (reference: Reference): string => `${reference.domain}/${reference.path}`

const withSuffix = (name: string, { tag, digest }: Reference): string =>
  name + (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`)

/** The full text, `docker.io/library/busybox:1@sha256:…`, with the tag and digest that are there. */
export const formatReference = (reference: Reference): string => withSuffix(repositoryName(reference), reference)

/** The repository's name as users write it: without `docker.io/`, and then without `library/` if one component is left. */
export const familiarName = ({ domain, path }: Reference): string => {
  if (domain !== hub) return `${domain}/${path}`
  return path.startsWith(official) && !path.includes('/', official.length) ? path.slice(official.length) : path
}

/** The whole reference as users write it. */
export const familiarString = (reference: Reference): string => withSuffix(familiarName(reference), reference)

/** The reference with tag `latest` if it has neither a tag nor a digest. */
export const withDefaultTag = (reference: Reference): Reference =>
  reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: defaultTag } : reference

/** The reference to a tag of the same repository; a text that is no tag is an `invalid_argument` error. */
export const withTag = ({ domain, path }: Reference, tag: string): Reference => {
  if (!isTag(tag)) throw new GantryError('invalid_argument', 'TAG_INVALID', `Cannot use tag ${quoted(tag)}: invalid tag format`)
  return { domain, path, tag }
}

/** The reference to a digest in the same repository. */
export const withDigest = ({ domain, path }: Reference, digest: Digest): Reference => ({ domain, path, digest })

/** What a registry is asked for: the digest if there is one, else the tag, else `latest`. */
export const manifestReference = ({ tag, digest }: Reference): string => digest ?? tag ?? defaultTag

/** The host that serves a domain's registry API: `registry-1.docker.io` for `docker.io`, the domain itself for all others. */
export const apiHost = (domain: string): string => (domain === hub ? 'registry-1.docker.io' : domain)
