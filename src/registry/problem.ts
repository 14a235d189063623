import { isGantryError, systemCode, type ErrorKind } from '../lib/errors.ts'

/** An error as a registry answers it (distribution-spec §Error Codes). */
export interface Problem {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly detail?: unknown
}

/** The statuses of codes, and the code that the client is told where it is another. */
const codes: Readonly<Record<string, readonly [status: number, code?: string]>> = {
  BLOB_UNKNOWN: [404],
  BLOB_UPLOAD_INVALID: [400],
  BLOB_UPLOAD_RANGE: [416, 'BLOB_UPLOAD_INVALID'],
  BLOB_UPLOAD_UNKNOWN: [404],
  DIGEST_INVALID: [400],
  DIGEST_UNSUPPORTED: [400, 'DIGEST_INVALID'],
  MANIFEST_BLOB_UNKNOWN: [400],
  MANIFEST_INVALID: [400],
  MANIFEST_TOO_LARGE: [413, 'SIZE_INVALID'],
  MANIFEST_UNKNOWN: [404],
  METHOD_NOT_ALLOWED: [405, 'UNSUPPORTED'],
  NAME_INVALID: [400],
  NAME_UNKNOWN: [404],
  RANGE_UNSATISFIABLE: [416, 'UNSUPPORTED'],
  ROUTE_UNKNOWN: [404, 'UNSUPPORTED'],
  SIZE_INVALID: [400],
  TAG_INVALID: [400],
}

/** What the kind says where the code is not one of those. */
const kinds: Readonly<Record<ErrorKind, readonly [status: number, code: string]>> = {
  invalid_argument: [400, 'UNSUPPORTED'],
  not_found: [404, 'UNSUPPORTED'],
  already_exists: [409, 'UNSUPPORTED'],
  conflict: [409, 'UNSUPPORTED'],
  failed_precondition: [412, 'UNSUPPORTED'],
  unauthenticated: [401, 'UNAUTHORIZED'],
  permission_denied: [403, 'DENIED'],
  resource_exhausted: [429, 'TOOMANYREQUESTS'],
  unavailable: [503, 'UNAVAILABLE'],
  unsupported: [400, 'UNSUPPORTED'],
  data_loss: [500, 'UNKNOWN'],
  canceled: [503, 'UNAVAILABLE'],
  internal: [500, 'UNKNOWN'],
}

/** Answers to errors of the operating system that pass; all others are failures. */
const systemProblems: Readonly<Record<string, Problem>> = {
  ENOSPC: { status: 507, code: 'UNAVAILABLE', message: 'the registry has no space left' },
  EDQUOT: { status: 507, code: 'UNAVAILABLE', message: 'the registry has no space left' },
  EMFILE: { status: 503, code: 'UNAVAILABLE', message: 'the registry is busy' },
  ENFILE: { status: 503, code: 'UNAVAILABLE', message: 'the registry is busy' },
}

const failed: Problem = { status: 500, code: 'UNKNOWN', message: 'the registry failed' }

/** The answer to whatever was thrown. What is not a GantryError, or none of the client's doing, keeps its message to itself. */
export const problem = (error: unknown): Problem => {
  if (!isGantryError(error)) {
    const code = systemCode(error) ?? ''
    return Object.hasOwn(systemProblems, code) ? (systemProblems[code] ?? failed) : failed
  }
  const [kindStatus, kindCode] = kinds[error.kind]
  const known = Object.hasOwn(codes, error.code) ? codes[error.code] : undefined
  const status = error.kind === 'conflict' ? kindStatus : (known?.[0] ?? kindStatus)
  if (status === 500) return failed
  return {
    status,
    code: known === undefined ? kindCode : (known[1] ?? error.code),
    message: error.message,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  }
}
