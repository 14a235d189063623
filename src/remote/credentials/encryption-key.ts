import { createHash, hkdfSync, randomBytes, scryptSync } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { GantryError, systemCode } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'

/** What a key is made from, as an entry of the encrypted file says it. */
export type KeySource =
  /** The key file of this user on this machine; `id` tells keys apart and reveals nothing of them. */
  | { readonly kind: 'file'; readonly id: string }
  /** scrypt (RFC 7914) of a passphrase. `salt` is base64. */
  | {
      readonly kind: 'passphrase'
      readonly salt: string
      readonly cost: number
      readonly blockSize: number
      readonly parallelization: number
    }

/** A 256-bit key. */
export interface EncryptionKey {
  readonly source: KeySource
  readonly bytes: Buffer
}

const keySize = 32
/** 64 MiB and about 0.2 s for each guess (OWASP's parameters for scrypt). */
const cost = { cost: 2 ** 16, blockSize: 8, parallelization: 1 }
const memoryLimit = 256 * 1024 * 1024
const longestSalt = 1024

const refuse = (reason: string, hint?: string): GantryError =>
  new GantryError(
    'failed_precondition',
    'CREDENTIALS_LOCKED',
    `Cannot decrypt credentials: ${reason}`,
    hint === undefined ? {} : { hint },
  )

/** This machine's name for itself (machine-id(5)); empty where it has none. */
const machineId = async (): Promise<string> => {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id'])
    try {
      return (await readFile(path, 'utf8')).trim()
    } catch {
      // the next one
    }
  return ''
}

/** Mixes the machine into what the file holds: the file is worth nothing on another one. */
const derive = (secret: Buffer, machine: string): EncryptionKey => {
  const bytes = Buffer.from(hkdfSync('sha256', secret, Buffer.from(machine), 'gantry credentials 1', keySize))
  return { bytes, source: { kind: 'file', id: createHash('sha256').update('id').update(bytes).digest('hex').slice(0, 16) } }
}

/** The key of this user on this machine, or undefined if there is none yet. */
export const readKeyFile = async (path: string): Promise<EncryptionKey | undefined> => {
  try {
    const secret = Buffer.from((await readFile(path, 'utf8')).trim(), 'base64')
    if (secret.length < keySize) throw refuse(`the key file "${path}" is damaged`, 'remove it, and log in again')
    return derive(secret, await machineId())
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

/** As readKeyFile(), making the key if there is none. For whoever holds the lock. */
export const ensureKeyFile = async (path: string): Promise<EncryptionKey> => {
  const known = await readKeyFile(path)
  if (known !== undefined) return known
  const secret = randomBytes(keySize)
  await writeFileAtomic(path, `${secret.toString('base64')}\n`, 0o600)
  return derive(secret, await machineId())
}

/** A key for a new entry. */
export const newPassphraseKey = (passphrase: string): EncryptionKey =>
  passphraseKey(passphrase, { kind: 'passphrase', salt: randomBytes(16).toString('base64'), ...cost })

/** The key of an entry. What an entry asks for is untrusted: no more memory than we would use ourselves, a few times over. */
export const passphraseKey = (passphrase: string, source: KeySource & { readonly kind: 'passphrase' }): EncryptionKey => {
  const { salt, cost: N, blockSize, parallelization } = source
  try {
    if (salt.length > longestSalt || parallelization > 16) throw new RangeError('too much')
    const options = { cost: N, blockSize, parallelization, maxmem: memoryLimit }
    return { source, bytes: scryptSync(passphrase.normalize('NFKC'), Buffer.from(salt, 'base64'), keySize, options) }
  } catch {
    throw refuse('their parameters are not valid')
  }
}
