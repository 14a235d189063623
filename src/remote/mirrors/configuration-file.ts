import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError, messageOf, systemCode } from '../../lib/errors.ts'

/** Files and folders that are not there, or not for us, are as empty ones. Most are not: to ask costs a tenth of an error. */
const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'EACCES'].includes(systemCode(error) ?? '')

/** The text of a configuration file, or undefined if there is none. */
export const readConfiguration = async (path: string): Promise<string | undefined> => {
  if (!existsSync(path)) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** Paths of what is in a folder, in alphabetical order; empty if there is no such folder. */
export const listConfiguration = async (folder: string): Promise<readonly string[]> => {
  if (!existsSync(folder)) return []
  try {
    return (await readdir(folder)).toSorted().map((name) => join(folder, name))
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}

/** A file that cannot be used as it stands: an `invalid_argument` error, as what it forbids must not be done by mistake. */
export const unusable = (file: string, reason: string): GantryError =>
  new GantryError('invalid_argument', 'CONFIGURATION_INVALID', `Cannot use "${file}": ${reason}`)

export type Table = Readonly<Record<string, unknown>>

const isTable = (value: unknown): value is Table => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Parses TOML; its parser is loaded only here. */
export const parseToml = async (text: string, file: string): Promise<Table> => {
  const { parse } = await import('smol-toml')
  try {
    return parse(text)
  } catch (error) {
    const { line } = error as { readonly line?: unknown }
    const reason = messageOf(error).split('\n', 1)[0] ?? ''
    throw unusable(file, typeof line === 'number' ? `${reason} (line ${line})` : reason)
  }
}

/** Reads values of the types that they must have; anything else is an `unusable` file. `where` names the table. */
export const fieldsOf = (table: Table, file: string, where = '') => {
  const fail = (key: string, wanted: string): GantryError => unusable(file, `${where}${key} must be ${wanted}`)
  const list = (key: string): readonly unknown[] => {
    const value = table[key] ?? []
    if (!Array.isArray(value)) throw fail(key, 'a list')
    return value
  }
  return {
    has: (key: string): boolean => table[key] !== undefined,
    fail,
    text: (key: string): string | undefined => {
      const value = table[key]
      if (value === undefined || typeof value === 'string') return value
      throw fail(key, 'a string')
    },
    flag: (key: string): boolean | undefined => {
      const value = table[key]
      if (value === undefined || typeof value === 'boolean') return value
      throw fail(key, 'true or false')
    },
    texts: (key: string): readonly string[] =>
      list(key).map((value) => {
        if (typeof value !== 'string') throw fail(key, 'a list of strings')
        return value
      }),
    tables: (key: string): readonly Table[] =>
      list(key).map((value) => {
        if (!isTable(value)) throw fail(key, 'a list of tables')
        return value
      }),
    table: (key: string): Table => {
      const value = table[key] ?? {}
      if (!isTable(value)) throw fail(key, 'a table')
      return value
    },
  }
}
