import { isAbsolute } from 'node:path'
import { collect, type ByteStream } from '../lib/bytes.ts'
import { parseGitReference, type GitReference } from './sources/git-reference.ts'

/** Where a build's files come from. `stream`: a tar, compressed or not, or a Dockerfile alone, as `docker build -` takes them. */
export type ContextSource =
  /** A folder, or an archive, of this machine. */
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'stream'; readonly bytes: ByteStream }
  /** An archive, or a Dockerfile alone. */
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'git'; readonly reference: GitReference }
  | { readonly kind: 'none' }

/**
 * Where the Dockerfile comes from: a file of this machine, a file of the context (default `Dockerfile`), a server, or text from
 * elsewhere.
 */
export type DockerfileSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'context'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'text'; readonly text: string; readonly name?: string }

type Given = string | ByteStream | undefined

export const contextSource = (context: Given): ContextSource => {
  if (context === undefined) return { kind: 'none' }
  if (typeof context !== 'string') return { kind: 'stream', bytes: context }
  const reference = parseGitContext(context)
  if (reference !== undefined) return { kind: 'git', reference }
  return isUrl(context) ? { kind: 'url', url: context } : { kind: 'path', path: context }
}

const isUrl = (text: string): boolean => /^https?:\/\//i.test(text)

/** Whether a context is something that a server has. */
export const isRemoteContext = (context: unknown): context is string =>
  typeof context === 'string' && ['git', 'url'].includes(contextSource(context).kind)

/** Also `github.com/owner/name`, which docker takes for git where a context is named, and only there. */
const parseGitContext = (text: string): GitReference | undefined =>
  parseGitReference(text.replace(/^github\.com\/([^?#]*?)(?:\.git)?(?=[?#]|$)/, 'https://github.com/$1.git'))

const dockerfileLimit = 16 * 1024 * 1024

/** A path is one of this machine if the context is, and also if it is absolute; of a context from elsewhere it is in there. */
export const dockerfileSource = async (dockerfile: Given, context: Given): Promise<DockerfileSource> => {
  if (dockerfile === undefined) return { kind: 'context', path: 'Dockerfile' }
  if (typeof dockerfile !== 'string')
    return { kind: 'text', text: (await collect(dockerfile, dockerfileLimit, 'the Dockerfile')).toString('utf8') }
  if (isUrl(dockerfile)) return { kind: 'url', url: dockerfile }
  const isStream = context !== undefined && typeof context !== 'string'
  const inside = isStream || (isRemoteContext(context) && !isAbsolute(dockerfile))
  return { kind: inside ? 'context' : 'file', path: dockerfile }
}
