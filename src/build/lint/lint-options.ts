import { GantryError } from '../../lib/errors.ts'
import { parseDirective } from '../dockerfile/directives.ts'

/** Which rules a Dockerfile is checked by, and whether it must not break any. */
export interface LintOptions {
  readonly skip: ReadonlySet<string> | 'all'
  readonly experimental: ReadonlySet<string> | 'all'
  readonly error: boolean
}

export const noLintOptions: LintOptions = { skip: new Set(), experimental: new Set(), error: false }

const invalid = (reason: string): GantryError => new GantryError('invalid_argument', 'CHECK_INVALID', reason)

const setOf = (value: string): LintOptions['skip'] => {
  const text = value.trim()
  return text === 'all' ? 'all' : new Set(text.split(',').map((name) => name.trim()))
}

/** Go's strconv.ParseBool. */
const booleanOf = (option: string, value: string): boolean => {
  const text = value.trim()
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false
  throw invalid(`failed to parse check option "${option}": invalid syntax`)
}

/** Reads `skip=RULE,…;experimental=RULE,…;error=true`, `all` standing for every rule. `invalid_argument` in BuildKit's words. */
export const parseLintOptions = (text: string): LintOptions => {
  let options = noLintOptions
  if (text.trim() === '') return options
  const parts = text.trim().split(';')
  // what follows the second semicolon is one part
  for (const part of [...parts.slice(0, 2), ...(parts.length > 2 ? [parts.slice(2).join(';')] : [])]) {
    const equals = part.indexOf('=')
    if (equals < 0) throw invalid(`invalid check option "${part}"`)
    const [key, value] = [part.slice(0, equals).trim(), part.slice(equals + 1)]
    if (key === 'skip') options = { ...options, skip: setOf(value) }
    else if (key === 'experimental') options = { ...options, experimental: setOf(value) }
    else if (key === 'error') options = { ...options, error: booleanOf(part, value) }
    else throw invalid(`invalid check option "${key}"`)
  }
  return options
}

const union = (a: LintOptions['skip'], b: LintOptions['skip']): LintOptions['skip'] =>
  a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b])

/** The options for one instruction: a `# check=…` comment right above adds to those of the file; one that makes no sense does nothing. */
export const withComments = (options: LintOptions, comments: readonly string[]): LintOptions => {
  for (const comment of comments) {
    const directive = parseDirective(comment)
    if (directive?.name !== 'check') continue
    try {
      const own = parseLintOptions(directive.value.replace(/ .*$/, ''))
      return {
        ...options,
        skip: union(options.skip, own.skip),
        experimental: union(options.experimental, own.experimental),
      }
    } catch {
      return options
    }
  }
  return options
}
