import { GantryError, messageOf } from './errors.ts'

/** A configuration file that was read, and the lines on which its keys stand. */
export interface ConfigFile {
  readonly name: string
  readonly value: unknown
  /** The line (from 1) of a key such as `mirror[0].tags.newest`, or of the nearest key above it; undefined for the whole file. */
  lineOf(path: string): number | undefined
}

/** Parses TOML, or JSON where the name ends so; a mistake in its syntax is an `invalid_argument` error with the line. */
export const parseConfigFile = async (name: string, text: string): Promise<ConfigFile> => {
  const isJson = name.toLowerCase().endsWith('.json')
  const value = isJson ? parseJsonText(name, text) : await parseTomlText(name, text)
  let lines: ReadonlyMap<string, number> | undefined
  const lineOf = (path: string): number | undefined => {
    lines ??= isJson ? jsonLines(text) : tomlLines(text)
    for (let at = path; at !== ''; at = above(at)) {
      const line = lines.get(at)
      if (line !== undefined) return line
    }
    return undefined
  }
  return { name, value, lineOf }
}

/** The error for a mistake in a file, with its place: `Cannot read "mirror.toml", line 3: …`. */
export const configError = (
  file: Pick<ConfigFile, 'name' | 'lineOf'>,
  path: string,
  reason: string,
  hint?: string,
): GantryError => {
  const line = file.lineOf(path)
  const where = line === undefined ? `"${file.name}"` : `"${file.name}", line ${line}`
  return new GantryError(
    'invalid_argument',
    'CONFIG_INVALID',
    `Cannot read ${where}: ${path === '' ? '' : `"${path}" `}${reason}`,
    hint === undefined ? {} : { hint },
  )
}

const parseJsonText = (name: string, text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const line = /\(line (\d+) column \d+\)/.exec(messageOf(cause))?.[1]
    throw syntaxError(
      name,
      line === undefined ? undefined : Number(line),
      messageOf(cause).replace(/ in JSON at position.*$/, ''),
      cause,
    )
  }
}

const parseTomlText = async (name: string, text: string): Promise<unknown> => {
  const { parse, TomlError } = await import('smol-toml')
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    throw syntaxError(name, cause.line, (cause.message.split('\n')[0] ?? '').replace(/^Invalid TOML document: /, ''), cause)
  }
}

const syntaxError = (name: string, line: number | undefined, reason: string, cause: unknown): GantryError =>
  new GantryError(
    'invalid_argument',
    'CONFIG_SYNTAX',
    `Cannot read "${name}"${line === undefined ? '' : `, line ${line}`}: ${reason}`,
    { cause },
  )

/** The path without its last key or index. */
const above = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')))

const bare = (key: string): string => key.trim().replace(/^(["'])(.*)\1$/, '$2')
const join = (above: string, key: string): string => (above === '' ? key : `${above}.${key}`)

/** Lines of the keys of a TOML document that is known to be right; for messages, so a line within a long string may be taken for a key. */
const tomlLines = (text: string): ReadonlyMap<string, number> => {
  const lines = new Map<string, number>()
  const counts = new Map<string, number>()
  let table = ''
  for (const [index, line] of text.split('\n').entries()) {
    const header = /^\s*(\[\[?)\s*([^\]]+?)\s*\]/.exec(line)
    const key = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(line)
    if (header !== null) {
      const isElement = header[1] === '[['
      const parts = (header[2] ?? '').split('.').map(bare)
      table = parts.reduce((above, part, at) => {
        const path = join(above, part)
        const count = counts.get(path)
        return count === undefined || (isElement && at === parts.length - 1) ? path : `${path}[${count}]`
      }, '')
      if (isElement) {
        const count = (counts.get(table) ?? -1) + 1
        counts.set(table, count)
        table = `${table}[${count}]`
      }
      lines.set(table, index + 1)
    } else if (key !== null) {
      const path = (key[1] ?? '').split('.').reduce((above, part) => join(above, bare(part)), table)
      if (!lines.has(path)) lines.set(path, index + 1)
    }
  }
  return lines
}

/** Lines of the keys and elements of a JSON document that is known to be right. */
const jsonLines = (text: string): ReadonlyMap<string, number> => {
  const lines = new Map<string, number>()
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:\n]|[^\s{}[\],:"]+/g
  const stack: { readonly path: string; readonly list: boolean; index: number; key: string }[] = []
  let line = 1
  let last = ''
  const path = (): string => {
    const top = stack.at(-1)
    if (top === undefined) return ''
    return top.list ? `${top.path}[${top.index}]` : join(top.path, top.key)
  }
  for (const [token] of text.matchAll(tokens)) {
    const top = stack.at(-1)
    if (token === '\n') {
      line++
      continue
    }
    if (token === '}' || token === ']') stack.pop()
    else if (token === ',' && top?.list === true) top.index++
    else if (token === ':' && top !== undefined) {
      top.key = JSON.parse(last) as string
      lines.set(path(), line)
    } else if (token !== ',') {
      if (top?.list === true && !lines.has(path())) lines.set(path(), line)
      if (token === '{' || token === '[') stack.push({ path: path(), list: token === '[', index: 0, key: '' })
    }
    last = token
  }
  return lines
}
