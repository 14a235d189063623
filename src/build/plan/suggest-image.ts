import { GantryError, isGantryError } from '../../lib/errors.ts'
import { didYouMean } from '../dockerfile/suggest.ts'

const common = ['alpine', 'busybox', 'centos', 'debian', 'golang', 'ubuntu', 'fedora']

/** What was thrown for an image that cannot be had, with the stage or the well-known image that its name nearly is. */
export const withSuggestion = (error: unknown, name: string, stages: readonly string[]): unknown => {
  if (!isGantryError(error) || error.kind === 'canceled') return error
  const suggestion = didYouMean(name, [...stages, ...common, ...common.map((one) => `${one}:latest`)])
  if (suggestion === '') return error
  return new GantryError(error.kind, error.code, error.message + suggestion, {
    cause: error,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    ...(error.detail === undefined ? {} : { detail: error.detail }),
  })
}
