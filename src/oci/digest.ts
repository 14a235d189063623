import { createHash, type Hash } from 'node:crypto'
import { GantryError } from '../lib/errors.ts'

declare const brand: unique symbol

/** `algorithm:hex` as in image-spec descriptor.md §Digests; sha256 (64 hex) or sha512 (128 hex), lower case. */
export type Digest = `${'sha256' | 'sha512'}:${string}` & { readonly [brand]: 'digest' }
/** The digest of a layer's uncompressed tar (image-spec config.md §Layer DiffID). */
export type DiffId = Digest
/** The digest of a stack of layers (image-spec config.md §Layer ChainID). */
export type ChainId = Digest
export type DigestAlgorithm = 'sha256' | 'sha512'

const hexLength: Readonly<Record<DigestAlgorithm, number>> = { sha256: 64, sha512: 128 }

/** True if the text is a digest of a known algorithm and right length. */
export const isDigest = (text: string): text is Digest => {
  const colon = text.indexOf(':')
  const algorithm = text.slice(0, colon)
  const hex = text.slice(colon + 1)
  return (algorithm === 'sha256' || algorithm === 'sha512') && hex.length === hexLength[algorithm] && /^[0-9a-f]+$/.test(hex)
}

/** Parses a digest; an unknown algorithm or a wrong length is an `invalid_argument` error that says which. */
export const parseDigest = (text: string): Digest => {
  if (isDigest(text)) return text
  const colon = text.indexOf(':')
  const algorithm = text.slice(0, Math.max(0, colon))
  const fail = (code: string, reason: string): never => {
    throw new GantryError('invalid_argument', code, `Cannot parse digest ${JSON.stringify(text.slice(0, 200))}: ${reason}`)
  }
  const wellFormed = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/.test(text)
  if (!wellFormed && (colon + 1 === text.length || !Object.hasOwn(hexLength, algorithm)))
    return fail('DIGEST_INVALID', 'invalid checksum digest format')
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return fail('DIGEST_UNSUPPORTED', 'unsupported digest algorithm')
  if (text.length - colon - 1 !== hexLength[algorithm]) return fail('DIGEST_INVALID', 'invalid checksum digest length')
  return fail('DIGEST_INVALID', 'invalid checksum digest format')
}

export const digestAlgorithm = (digest: Digest): DigestAlgorithm => (digest.startsWith('sha512:') ? 'sha512' : 'sha256')
export const digestHex = (digest: Digest): string => digest.slice(digest.indexOf(':') + 1)

/** The digest of bytes in memory. */
export const digestOf = (bytes: Uint8Array | string, algorithm: DigestAlgorithm = 'sha256'): Digest =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest

/** A running digest: `update` as bytes pass, `digest` once at the end. */
export interface Digester {
  update(bytes: Uint8Array): void
  digest(): Digest
}

export const createDigester = (algorithm: DigestAlgorithm = 'sha256'): Digester => {
  const hash: Hash = createHash(algorithm)
  return {
    update: (bytes) => void hash.update(bytes),
    digest: () => `${algorithm}:${hash.digest('hex')}` as Digest,
  }
}
