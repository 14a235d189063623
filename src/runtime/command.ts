import { GantryError } from '../lib/errors.ts'
import type { ExecutionConfig } from '../oci/image-config.ts'

/** What the user gave for a container besides the image; absent is "not given". */
export interface CommandChoice {
  /** One word for `--entrypoint WORD`; `['']` resets the image's, as `--entrypoint ""` does. */
  readonly entrypoint?: readonly string[]
  readonly cmd?: readonly string[]
}

/**
 * The command line of a container, by docker's rules: the image's Cmd counts only while the user gave neither an entrypoint nor
 * a command, its Entrypoint only while the user gave none. Nothing left to run is `invalid_argument`.
 */
export const mergeCommand = (image: ExecutionConfig | undefined, choice: CommandChoice = {}): readonly string[] => {
  const { entrypoint: given, cmd: words = [] } = choice
  const cmd = (given ?? []).length === 0 && words.length === 0 ? (image?.Cmd ?? []) : words
  const entrypoint = given ?? image?.Entrypoint ?? []
  const command = [...(entrypoint.length === 1 && entrypoint[0] === '' ? [] : entrypoint), ...cmd]
  if (command.length > 0) return command
  throw new GantryError('invalid_argument', 'NO_COMMAND', 'Cannot run the container: no command specified', {
    hint: 'name a command after the image: it has neither an entrypoint nor a command of its own',
  })
}

const keyOf = (variable: string): string => {
  const end = variable.indexOf('=')
  return end === -1 ? variable : variable.slice(0, end)
}

/**
 * The variables a user gave (`NAME=value`, or `NAME` for the caller's own) before those of the image that they do not replace.
 * A `NAME` that the caller lacks stays a bare name: it unsets the image's variable.
 */
export const mergeEnvironment = (
  image: readonly string[],
  given: readonly string[],
  caller: Readonly<Record<string, string | undefined>>,
): readonly string[] => {
  const own = given.map((variable) => {
    const value = caller[variable]
    return variable.includes('=') || value === undefined ? variable : `${variable}=${value}`
  })
  const keys = new Set(own.map(keyOf))
  return [...own, ...image.filter((variable) => !keys.has(keyOf(variable)))]
}

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * What a process finds in its environment: docker's PATH, HOSTNAME and, with a terminal, TERM, replaced and added to by
 * `variables` (the last of a name counts, a bare name unsets), and HOME last where nothing set it.
 */
export const processEnvironment = (
  variables: readonly string[],
  options: { readonly hostname: string; readonly home: string; readonly terminal: boolean },
): readonly string[] => {
  const result = new Map<string, string>()
  const defaults = [defaultPath, `HOSTNAME=${options.hostname}`, ...(options.terminal ? ['TERM=xterm'] : [])]
  for (const variable of [...defaults, ...variables])
    if (variable.includes('=')) result.set(keyOf(variable), variable)
    else result.delete(variable)
  if ((result.get('HOME') ?? 'HOME=') === 'HOME=') result.set('HOME', `HOME=${options.home}`)
  return [...result.values()]
}
