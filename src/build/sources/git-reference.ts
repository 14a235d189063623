import { posix } from 'node:path'
import { GantryError } from '../../lib/errors.ts'

/** A place in a git repository as a Dockerfile or a command line writes it. */
export interface GitReference {
  /** What git is given: an URL without query and fragment, or `user@host:path`. */
  readonly remote: string
  /** A branch, a tag, a full ref or a whole commit ID; '' for what the repository's HEAD is. */
  readonly ref: string
  /** Without slashes around; '' for the root. */
  readonly folder: string
  /** The beginning of the commit ID that it has to be. */
  readonly checksum?: string
  readonly keepGitFolder?: boolean
  readonly submodules?: boolean
}

const refuse = (reason: string): GantryError => new GantryError('invalid_argument', 'GIT_REFERENCE_INVALID', reason)

const schemes: ReadonlySet<string> = new Set(['http:', 'https:', 'ssh:', 'git:'])
const scp = /^([a-zA-Z0-9_-]+)@([a-zA-Z0-9.-]+):(.*?)(?:\?(.*?))?(?:#(.*))?$/s

/**
 * Reads what BuildKit takes for git: `https://…/x.git`, `ssh://…`, `git://…` and `user@host:path`, each with `#ref:folder` or
 * `?branch=…&subdir=…`; undefined for anything else, which is a file or a plain URL. `invalid_argument` for a query that git
 * references do not have, and for what git could take for an option.
 */
export const parseGitReference = (text: string): GitReference | undefined => {
  const short = scp.exec(text)
  if (short !== null && !/^[a-zA-Z0-9]+:\/\//.test(text)) {
    const [, user = '', host = '', path = '', query = '', fragment = ''] = short
    return referenceOf(`${user}@${host}:${path}`, host, query, fragment)
  }
  const url = /^(?:https?|ssh|git):\/\//i.test(text) ? URL.parse(text) : null
  if (url === null || !schemes.has(url.protocol)) return undefined
  if (url.protocol.startsWith('http') && !url.pathname.endsWith('.git')) return undefined
  const [address = ''] = /^[^?#]*/.exec(text) ?? []
  return referenceOf(address, url.hostname, url.search.slice(1), decodeFragment(text))
}

const decodeFragment = (text: string): string => {
  const hash = text.indexOf('#')
  if (hash < 0) return ''
  try {
    return decodeURIComponent(text.slice(hash + 1))
  } catch {
    throw refuse('its fragment is not valid')
  }
}

const referenceOf = (remote: string, host: string, query: string, fragment: string): GitReference => {
  // not for a shell, but for git and what it runs: none of them may see an option
  if (host.startsWith('-') || host === '' || remote.startsWith('-') || /[\0\r\n]/.test(remote))
    throw refuse('it is no valid git repository')
  const colon = fragment.indexOf(':')
  const named: Named = {
    ref: colon < 0 ? fragment : fragment.slice(0, colon),
    folder: colon < 0 ? '' : cleanFolder(fragment.slice(colon + 1)),
  }
  const whole = withQuery(named, query)
  if (!isRef(whole.ref)) throw refuse(`invalid git ref "${whole.ref}"`)
  if (whole.checksum !== undefined && !isCommitPrefix(whole.checksum)) throw invalidChecksum(whole.checksum)
  return { remote, ...whole, folder: cleanFolder(whole.folder) }
}

/** What `--checksum` may be for git. */
export const isCommitPrefix = (text: string): boolean => /^[0-9a-fA-F]{1,64}$/.test(text)

export const invalidChecksum = (text: string): GantryError =>
  refuse(`invalid checksum ${text} for Git URL, expected hex commit hash`)

type Named = Omit<GitReference, 'remote'>

const cleanFolder = (path: string): string => posix.resolve('/', path).slice(1)

/** git-check-ref-format(1), as far as it matters that nothing but a ref is meant. */
const isRef = (ref: string): boolean =>
  // oxlint-disable-next-line no-control-regex
  ref === '' || !(ref.startsWith('-') || ref.includes('..') || ref.includes('@{') || /[\0-\x20\x7f~^:?*[\\]/.test(ref))

const withQuery = (named: Named, query: string): Named => {
  let result: Named = named
  const refs: string[] = []
  const seen = new Set<string>()
  for (const [name, value] of new URLSearchParams(query)) {
    if (seen.has(name)) throw refuse(`query "${name}" has multiple values`)
    seen.add(name)
    if (value === '' && !flags.has(name) && known.has(name)) throw refuse(`query "${name}" has no value`)
    if (name === 'ref') refs.push(value)
    else if (name === 'tag') refs.push(value.startsWith('refs/tags/') ? value : `refs/tags/${value}`)
    else if (name === 'branch') refs.push(value.startsWith('refs/heads/') ? value : `refs/heads/${value}`)
    else if (name === 'subdir') {
      if (named.folder !== '' && named.folder !== cleanFolder(value))
        throw refuse(`subdir conflicts: "${named.folder}" vs "${value}"`)
      result = { ...result, folder: cleanFolder(value) }
    } else if (name === 'checksum' || name === 'commit') result = { ...result, checksum: value }
    else if (name === 'keep-git-dir') result = { ...result, keepGitFolder: flagOf(name, value) }
    else if (name === 'submodules') result = { ...result, submodules: flagOf(name, value) }
    else throw refuse(`unexpected query "${name}"`)
  }
  for (const ref of refs) {
    if (result.ref !== '' && result.ref !== ref) throw refuse(`ref conflicts: "${result.ref}" vs "${ref}"`)
    result = { ...result, ref }
  }
  return result
}

const flags: ReadonlySet<string> = new Set(['keep-git-dir', 'submodules'])
const known: ReadonlySet<string> = new Set(['ref', 'tag', 'branch', 'subdir', 'checksum', 'commit'])

const flagOf = (name: string, value: string): boolean => {
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false
  throw refuse(`invalid ${name} value: "${value}"`)
}
