import type { ImageSource } from '../../content/interfaces.ts'
import { isGantryError } from '../../lib/errors.ts'

/** Several sources as one: each is asked for what those before it do not have. At least one. */
export const fallbackSource = (sources: readonly ImageSource[]): ImageSource => {
  const first = async <T>(ask: (source: ImageSource) => Promise<T>): Promise<T> => {
    let absent: unknown
    for (const source of sources) {
      try {
        return await ask(source)
      } catch (error) {
        if (!isAbsence(error)) throw error
        absent ??= error
      }
    }
    throw absent
  }
  return {
    has: async (descriptor, options) => {
      for (const source of sources) if (await source.has(descriptor, options)) return true
      return false
    },
    open: async (descriptor, options) => await first(async (source) => await source.open(descriptor, options)),
    resolve: async (reference, options) => await first(async (source) => await source.resolve(reference, options)),
  }
}

/** Registries do not tell what is not there from what one may not see. */
const isAbsence = (error: unknown): boolean =>
  isGantryError(error, 'not_found') || isGantryError(error, 'unauthenticated') || isGantryError(error, 'permission_denied')
