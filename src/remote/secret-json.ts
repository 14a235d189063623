import { parseJson } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'

/** As parseJson(), for text that holds secrets: the cause of its error would quote some of it, and is left out. */
export const parseSecretJson = (bytes: Uint8Array | string, what: string): unknown => {
  try {
    return parseJson(bytes, what)
  } catch (error) {
    if (!(error instanceof GantryError)) throw error
    throw new GantryError(error.kind, error.code, error.message)
  }
}
