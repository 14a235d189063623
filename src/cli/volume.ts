import { isAbsolute, posix, resolve } from 'node:path'
import { GantryError } from '../lib/errors.ts'
import type { BindMount } from '../engine/containers/create-options.ts'

/** Parses `-v SOURCE:TARGET[:ro|rw]`; a relative source begins with `.`, as docker has it. */
export const parseVolume = (text: string, folder: string): BindMount => {
  const fail = (reason: string, hint: string): never => {
    throw new GantryError('invalid_argument', 'USAGE', `invalid volume specification: "${text}": ${reason}`, { hint })
  }
  const parts = text.split(':')
  const [source = '', target = '', mode = 'rw'] = parts
  if (parts.length === 1 || (!isAbsolute(source) && !source.startsWith('.') && !source.startsWith('~')))
    return fail('named and anonymous volumes are not there', 'give a path of the host: -v /path:/target')
  if (parts.length > 3) return fail('it has too many colons', 'SOURCE:TARGET[:ro]')
  if (!posix.isAbsolute(target)) return fail('the target must be an absolute path', '-v /path:/target')
  if (posix.normalize(target) === '/') return fail('the target cannot be "/"', '-v /path:/target')
  const options = mode.split(',')
  const unknown = options.find(
    (option) => !['ro', 'rw', 'z', 'Z', 'rbind', 'bind', 'cached', 'delegated', 'consistent'].includes(option),
  )
  if (unknown !== undefined) return fail(`unknown mode "${unknown}"`, 'ro and rw are known')
  return { source: resolve(folder, source), target: posix.normalize(target), readOnly: options.includes('ro') }
}
