import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { GantryError, systemCode } from '../../lib/errors.ts'
import type { Credentials } from '../interfaces.ts'
import { parseSecretJson } from '../secret-json.ts'
import type { EncryptionKey, KeySource } from './encryption-key.ts'

/** One registry's credentials, sealed with AES-256-GCM. All but the key's source is base64. */
export interface SealedEntry {
  readonly key: KeySource
  readonly iv: string
  readonly data: string
  readonly tag: string
}

/** By registry, or registry and the beginning of a repository's path. */
export type SealedEntries = ReadonlyMap<string, SealedEntry>

const version = 1
const algorithm = 'aes-256-gcm'

const invalid = (file: string, reason: string): GantryError =>
  new GantryError('invalid_argument', 'CREDENTIALS_INVALID', `Cannot use "${file}": ${reason}`)

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

const isSource = (value: unknown): value is KeySource => {
  if (!isRecord(value)) return false
  if (value['kind'] === 'file') return typeof value['id'] === 'string'
  const numbers = [value['cost'], value['blockSize'], value['parallelization']]
  return value['kind'] === 'passphrase' && typeof value['salt'] === 'string' && numbers.every(Number.isSafeInteger)
}

const isEntry = (value: unknown): value is SealedEntry =>
  isRecord(value) && isSource(value['key']) && ['iv', 'data', 'tag'].every((name) => typeof value[name] === 'string')

/** Reads the text of an encrypted file. One of a later version, or damaged, is an `invalid_argument` error. */
export const parseSealed = (text: string, file: string): SealedEntries => {
  const json = parseSecretJson(text, `"${file}"`)
  if (!isRecord(json) || typeof json['version'] !== 'number') throw invalid(file, 'it is no file of credentials')
  if (json['version'] !== version) throw invalid(file, `it is of version ${json['version']}, and we know ${version}`)
  const entries = Object.entries(isRecord(json['entries']) ? json['entries'] : {})
  for (const [name, entry] of entries) if (!isEntry(entry)) throw invalid(file, `its entry for "${name}" is damaged`)
  return new Map(entries as readonly (readonly [string, SealedEntry])[])
}

export const formatSealed = (entries: SealedEntries): string =>
  `${JSON.stringify({ version, entries: Object.fromEntries(entries) }, undefined, 2)}\n`

/** The entries of a file; none if there is no file. */
export const readSealed = async (file: string): Promise<SealedEntries> => {
  try {
    return parseSealed(await readFile(file, 'utf8'), file)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return new Map()
    throw error
  }
}

/** Bound to the registry: an entry that someone moves to another one does not open. */
const boundTo = (registry: string): Buffer => Buffer.from(`gantry credentials ${version}\n${registry}`)

export const seal = ({ bytes, source }: EncryptionKey, registry: string, credentials: Credentials): SealedEntry => {
  const iv = randomBytes(12)
  const cipher = createCipheriv(algorithm, bytes, iv).setAAD(boundTo(registry))
  const data = Buffer.concat([cipher.update(JSON.stringify(credentials)), cipher.final()])
  const [ivText = '', dataText = '', tag = ''] = [iv, data, cipher.getAuthTag()].map((part) => part.toString('base64'))
  return { key: source, iv: ivText, data: dataText, tag }
}

/** The credentials of an entry, or undefined if the key is not the one or the entry is not as it was written. */
export const unseal = ({ bytes }: EncryptionKey, registry: string, entry: SealedEntry): Credentials | undefined => {
  const [iv = Buffer.alloc(0), data = Buffer.alloc(0), tag = Buffer.alloc(0)] = [entry.iv, entry.data, entry.tag].map((part) =>
    Buffer.from(part, 'base64'),
  )
  // a shorter tag would be easier to forge (NIST SP 800-38D §5.2.1.2)
  if (iv.length !== 12 || tag.length !== 16) return undefined
  try {
    const decipher = createDecipheriv(algorithm, bytes, iv, { authTagLength: 16 }).setAAD(boundTo(registry)).setAuthTag(tag)
    return JSON.parse(Buffer.concat([decipher.update(data), decipher.final()]).toString('utf8')) as Credentials
  } catch {
    return undefined
  }
}
