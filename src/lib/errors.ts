/** What a caller can do about an error; mapped to an exit code, an Engine API status and a registry status in one place each. */
export type ErrorKind =
  | 'invalid_argument'
  | 'not_found'
  | 'already_exists'
  | 'conflict'
  | 'failed_precondition'
  | 'unauthenticated'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'unavailable'
  | 'unsupported'
  | 'data_loss'
  | 'canceled'
  | 'internal'

export interface ErrorOptions {
  readonly cause?: unknown
  /** Machine-readable facts: a registry's `detail`, a path, the digests that differ. */
  readonly detail?: unknown
  /** The next thing to try, a sentence without a full stop. */
  readonly hint?: string
}

/**
 * The one error class. `kind` says what the caller can do, `code` what exactly happened (SCREAMING_SNAKE_CASE).
 * Messages read `Cannot <verb> <object>: <reason>`, values quoted, without a full stop.
 */
export class GantryError extends Error {
  readonly kind: ErrorKind
  readonly code: string
  readonly detail?: unknown
  readonly hint?: string

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'GantryError'
    this.kind = kind
    this.code = code
    if (options.detail !== undefined) this.detail = options.detail
    if (options.hint !== undefined) this.hint = options.hint
  }
}

/** True for a GantryError, of the given kind if one is named. */
export const isGantryError = (error: unknown, kind?: ErrorKind): error is GantryError =>
  error instanceof GantryError && (kind === undefined || error.kind === kind)

/** The `code` of a Node.js system error (`ENOENT`, `EEXIST`, …), or undefined for anything else. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** The message of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Throws the signal's reason as a `canceled` error if it has been aborted. */
export const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted !== true) return
  if (signal.reason instanceof GantryError) throw signal.reason
  throw new GantryError('canceled', 'CANCELED', 'Canceled', { cause: signal.reason })
}
