import { GantryError, isGantryError } from '../../lib/errors.ts'
import { humanSize } from '../../lib/human-size.ts'
import { explainSystemError, fullReason } from '../../lib/system-error.ts'
import type { Descriptor } from '../../oci/descriptor.ts'

/** The failure to write a blob, with how much room is missing where, and how much of the blob is kept for the next try. */
export const explainWriteFailure = (error: unknown, folder: string, descriptor: Descriptor, kept: number): unknown => {
  const failure = explainSystemError(error)
  if (!isGantryError(failure)) return failure
  const { digest, size } = descriptor
  const keptHint =
    kept > 0 ? `${humanSize(kept, 4)} of ${humanSize(size, 4)} are kept: the next try goes on from there` : undefined
  if (failure.code === 'DISK_FULL') {
    const reason = fullReason(folder, size - kept)
    const hint = ['make room there, and try again', keptHint].filter((text) => text !== undefined).join('; ')
    return new GantryError(failure.kind, failure.code, `Cannot store "${digest}": ${reason}`, { cause: error, hint })
  }
  if (keptHint === undefined || !(isGantryError(failure, 'unavailable') || isGantryError(failure, 'canceled'))) return failure
  const hint = failure.hint === undefined ? keptHint : `${failure.hint}; ${keptHint}`
  const { kind, code, message, detail } = failure
  return new GantryError(kind, code, message, { cause: failure, hint, ...(detail !== undefined && { detail }) })
}
