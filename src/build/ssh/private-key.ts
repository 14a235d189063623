import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto'
import { GantryError, isGantryError, systemCode } from '../../lib/errors.ts'
import { SshReader, sshInteger, sshString } from './wire.ts'

/** A private key that signs as an SSH agent does. */
export interface SshKey {
  /** The public key as SSH sends it (RFC 4253 §6.6). */
  readonly blob: Buffer
  readonly comment: string
  /** The signature of RFC 8332, 5656 or 8709; `flags` are those of a request to sign. */
  sign(data: Uint8Array, flags: number): Buffer
}

const refuse = (reason: string, hint?: string, cause?: unknown): GantryError =>
  new GantryError('invalid_argument', 'SSH_KEY', reason, {
    ...(hint === undefined ? {} : { hint }),
    ...(cause === undefined ? {} : { cause }),
  })

const encrypted = (): GantryError =>
  refuse('this private key is passphrase protected', 'add it to an agent (ssh-add FILE), and forward that: --ssh default')

/** Reads a key file: OpenSSH's own format, or PEM. `invalid_argument` for anything else, and for keys with a passphrase. */
export const parsePrivateKey = (text: string, comment: string): SshKey => {
  const [, body] = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)-----END OPENSSH PRIVATE KEY-----/.exec(text) ?? []
  try {
    if (body !== undefined) return parseOpenSsh(Buffer.from(body, 'base64'), comment)
    return keyOf(createPrivateKey(text), comment)
  } catch (error) {
    if (isGantryError(error)) throw error.code === 'SSH_KEY' ? error : refuse('it is no private key', undefined, error)
    if (/ENCRYPTED/.test(text) || systemCode(error) === 'ERR_MISSING_PASSPHRASE') throw encrypted()
    // what OpenSSL says may quote what it read
    throw refuse('it is no private key')
  }
}

/** PROTOCOL.key of OpenSSH. */
const parseOpenSsh = (bytes: Buffer, name: string): SshKey => {
  const file = new SshReader(bytes)
  file.literal('openssh-key-v1\0')
  const cipher = file.text()
  file.text()
  file.string()
  if (cipher !== 'none') throw encrypted()
  if (file.number() !== 1) throw refuse('it holds more than one private key')
  file.string()
  const key = new SshReader(file.string())
  if (key.number() !== key.number()) throw refuse('it is damaged')
  const object = readKey(key)
  return keyOf(object, key.text() || name)
}

/** The ASN.1 that an Ed25519 seed has before it in PKCS #8 (RFC 8410). */
const ed25519Header = Buffer.from('302e020100300506032b657004220420', 'hex')

const readKey = (reader: SshReader): KeyObject => {
  const type = reader.text()
  if (type === 'ssh-ed25519') {
    reader.string()
    const seed = reader.string().subarray(0, 32)
    return createPrivateKey({ key: Buffer.concat([ed25519Header, seed]), format: 'der', type: 'pkcs8' })
  }
  if (type === 'ssh-rsa') {
    const [n, e, d, qi, p, q] = [0, 1, 2, 3, 4, 5].map(() => reader.integer()) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer]
    return privateJwk({ kty: 'RSA', n, e, d, p, q, dp: remainder(d, p), dq: remainder(d, q), qi })
  }
  const curve = curves.find(({ ssh }) => type === `ecdsa-sha2-${ssh}`)
  if (curve === undefined) throw refuse(`keys of the type "${type.slice(0, 100)}" are not supported`)
  reader.string()
  const point = reader.string()
  const d = reader.integer()
  if (point[0] !== 4 || point.length !== 1 + 2 * curve.bytes || d.length > curve.bytes) throw refuse('it is damaged')
  const padded = Buffer.concat([Buffer.alloc(curve.bytes - d.length), d])
  const [x, y] = [point.subarray(1, 1 + curve.bytes), point.subarray(1 + curve.bytes)]
  return privateJwk({ kty: 'EC', crv: curve.jwk, x, y, d: padded })
}

const privateJwk = (fields: Readonly<Record<string, Buffer | string>>): KeyObject => {
  const key = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value : value.toString('base64url')]),
  )
  return createPrivateKey({ key, format: 'jwk' })
}

/** d mod (p - 1). */
const remainder = (d: Buffer, p: Buffer): Buffer => {
  const value = (bytes: Buffer): bigint => BigInt(`0x0${bytes.toString('hex')}`)
  const one = value(p) - 1n
  if (one <= 0n) throw refuse('it is damaged')
  const hex = (value(d) % one).toString(16)
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
}

const curves = [
  { ssh: 'nistp256', jwk: 'P-256', bytes: 32, hash: 'sha256' },
  { ssh: 'nistp384', jwk: 'P-384', bytes: 48, hash: 'sha384' },
  { ssh: 'nistp521', jwk: 'P-521', bytes: 66, hash: 'sha512' },
] as const

const keyOf = (key: KeyObject, comment: string): SshKey => {
  const jwk = createPublicKey(key).export({ format: 'jwk' })
  const part = (name: 'n' | 'e' | 'x' | 'y'): Buffer => Buffer.from(jwk[name] ?? '', 'base64url')
  if (jwk.kty === 'RSA')
    return {
      blob: Buffer.concat([sshString('ssh-rsa'), sshInteger(part('e')), sshInteger(part('n'))]),
      comment,
      sign: (data, flags) => {
        const [algorithm, hash] = rsaAlgorithm(flags)
        return Buffer.concat([sshString(algorithm), sshString(sign(hash, data, key))])
      },
    }
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519')
    return {
      blob: Buffer.concat([sshString('ssh-ed25519'), sshString(part('x'))]),
      comment,
      sign: (data) => Buffer.concat([sshString('ssh-ed25519'), sshString(sign(null, data, key))]),
    }
  const curve = curves.find((one) => one.jwk === jwk.crv)
  if (curve === undefined) throw refuse(`keys of the type "${key.asymmetricKeyType}" are not supported`)
  const type = `ecdsa-sha2-${curve.ssh}`
  return {
    blob: Buffer.concat([sshString(type), sshString(curve.ssh), sshString(Buffer.concat([Buffer.of(4), part('x'), part('y')]))]),
    comment,
    sign: (data) => {
      const both = sign(curve.hash, data, { key, dsaEncoding: 'ieee-p1363' })
      const [r, s] = [both.subarray(0, curve.bytes), both.subarray(curve.bytes)]
      return Buffer.concat([sshString(type), sshString(Buffer.concat([sshInteger(r), sshInteger(s)]))])
    },
  }
}

/** Flags 2 and 4 ask for SHA-2 (RFC 8332); clients that do not ask get what they were made for. */
const rsaAlgorithm = (flags: number): readonly [string, string] => {
  if ((flags & 4) !== 0) return ['rsa-sha2-512', 'sha512']
  return (flags & 2) !== 0 ? ['rsa-sha2-256', 'sha256'] : ['ssh-rsa', 'sha1']
}
