import { GantryError, isGantryError, type ErrorKind } from '../lib/errors.ts'
import { formatDuration } from '../lib/duration.ts'
import type { RegistryAnswer } from './answer.ts'
import { describeLimit, type RateLimit } from './rate-limit.ts'

/** What a request is for, in the words of its errors. */
export interface Purpose {
  readonly action: 'pull' | 'push' | 'delete' | 'list' | 'login' | 'catalog'
  /** Follows "Cannot": `upload "sha256:…" to "a/b"`. */
  readonly what: string
  /** The repository as users write it, or the registry. */
  readonly name: string
  /** The reference as users write it, where a manifest is read. */
  readonly manifest?: string
}

const byCode: Readonly<Record<string, ErrorKind>> = {
  MANIFEST_UNKNOWN: 'not_found',
  NAME_UNKNOWN: 'not_found',
  BLOB_UNKNOWN: 'not_found',
  BLOB_UPLOAD_UNKNOWN: 'not_found',
  UNAUTHORIZED: 'unauthenticated',
  DENIED: 'permission_denied',
  UNSUPPORTED: 'unsupported',
  DIGEST_INVALID: 'data_loss',
  SIZE_INVALID: 'data_loss',
  MANIFEST_BLOB_UNKNOWN: 'failed_precondition',
  TOOMANYREQUESTS: 'resource_exhausted',
}

const byStatus: Readonly<Record<number, ErrorKind>> = {
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  405: 'unsupported',
  409: 'conflict',
  412: 'failed_precondition',
  413: 'resource_exhausted',
  416: 'failed_precondition',
  429: 'resource_exhausted',
  501: 'unsupported',
}

const kindOf = ({ status, code }: RegistryAnswer): ErrorKind =>
  byCode[code] ?? byStatus[status] ?? (status >= 500 ? 'unavailable' : status >= 400 ? 'invalid_argument' : 'unavailable')

/** docker's words where users look for them, `Cannot …: …` elsewhere. */
const messageOf = (answer: RegistryAnswer, kind: ErrorKind, { action, what, name, manifest }: Purpose): string => {
  if (kind === 'unauthenticated' || kind === 'permission_denied') {
    if (action === 'pull' || action === 'list')
      return `pull access denied for ${name}, repository does not exist or may require 'docker login': ${answer.text}`
    if (action === 'push' || action === 'delete') return `push access denied for ${name}: ${answer.text}`
  }
  if (action === 'pull' && answer.code === 'NAME_UNKNOWN') return `repository ${name} not found: ${answer.text}`
  if (kind === 'not_found' && manifest !== undefined) return `manifest for ${manifest} not found: ${answer.text}`
  return `Cannot ${what}: ${answer.text}`
}

const hintOf = (
  answer: RegistryAnswer,
  kind: ErrorKind,
  purpose: Purpose,
  domain: string,
  user: string | undefined,
): string | undefined => {
  if (answer.status === 429) {
    const limit = answer.limit === undefined ? '' : `the limit is ${describeLimit(answer.limit)}; `
    const wait = answer.retryAfter === undefined ? 'wait' : `wait ${formatDuration(answer.retryAfter)}`
    return `${limit}${wait}, ${user === undefined ? `or log in for a higher limit: gantry login ${domain}` : 'and try again'}`
  }
  if (kind !== 'unauthenticated' && kind !== 'permission_denied') return undefined
  if (purpose.action === 'login') return 'check the user name and the password or access token'
  if (purpose.action === 'catalog' && user === undefined) return `log in: gantry login ${domain}`
  if (user !== undefined)
    return `you are logged in to ${domain} with ${user}: check the name "${purpose.name}", and what that account may do`
  return `you are not logged in to ${domain}: check the name "${purpose.name}", or log in: gantry login ${domain}`
}

/** A refusal as an error. `detail` holds `status`, the registry's `errors`, `retryAfter` in milliseconds and the `limit` of its pulls. `user` is who was logged in. */
export const registryError = (answer: RegistryAnswer, purpose: Purpose, domain: string, user?: string): GantryError => {
  const kind = kindOf(answer)
  const hint = hintOf(answer, kind, purpose, domain, user)
  const { status, details, retryAfter, limit } = answer
  return new GantryError(kind, answer.code, messageOf(answer, kind, purpose), {
    detail: {
      status,
      ...(details.length > 0 && { errors: details }),
      ...(retryAfter !== undefined && { retryAfter }),
      ...(limit && { limit }),
    },
    ...(hint !== undefined && { hint }),
  })
}

/** The status, the wait and the limit of an error that registryError() made. */
export const answerDetail = (
  error: unknown,
): { readonly status?: number; readonly retryAfter?: number; readonly limit?: RateLimit } =>
  isGantryError(error) && typeof error.detail === 'object' && error.detail !== null ? error.detail : {}

const transientStatus = new Set([408, 429, 500, 502, 503, 504])
/** True for a status that may be another one a little later. */
export const isTransientStatus = (status: number): boolean => transientStatus.has(status)

const transientCode = new Set(['CONNECTION_LOST', 'TIMEOUT', 'HOST_LOOKUP_FAILED', 'TOKEN_EXPIRED'])

/** Whether the same request may succeed a little later, and the wait that was asked for (for `retry`). `reached`: the host has answered before. */
export const isTransient = (error: unknown, reached = false): boolean | { readonly after: number } => {
  const { status, retryAfter, limit } = answerDetail(error)
  // a used up limit comes back in hours
  if (retryAfter === undefined && limit?.remaining === 0) return false
  if (status !== undefined && isTransientStatus(status)) return retryAfter === undefined ? true : { after: retryAfter }
  if (!isGantryError(error, 'unavailable')) return false
  return transientCode.has(error.code) || (reached && (error.code === 'CONNECTION_REFUSED' || error.code === 'HOST_UNREACHABLE'))
}
