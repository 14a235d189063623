import { GantryError } from '../../lib/errors.ts'

const wrong = (reason: string): GantryError =>
  new GantryError('invalid_argument', 'SSH_FORMAT', `Cannot read SSH data: ${reason}`)

/** Reads the types of RFC 4251 §5 one after the other; `invalid_argument` where there is too little. */
export class SshReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  byte(): number {
    return this.#take(1).readUInt8()
  }

  number(): number {
    return this.#take(4).readUInt32BE()
  }

  string(): Buffer {
    return this.#take(this.number())
  }

  text(): string {
    return this.string().toString('latin1')
  }

  /** Without the leading zeros. */
  integer(): Buffer {
    const bytes = this.string()
    const first = bytes.findIndex((byte) => byte !== 0)
    return first < 0 ? Buffer.alloc(0) : bytes.subarray(first)
  }

  literal(text: string): void {
    if (!this.#take(text.length).equals(Buffer.from(text, 'latin1'))) throw wrong('it does not begin as it should')
  }

  #take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw wrong('it is cut off')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}

export const sshNumber = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export const sshString = (value: Uint8Array | string): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value
  return Buffer.concat([sshNumber(bytes.length), bytes])
}

/** A positive number of big-endian bytes, as mpint. */
export const sshInteger = (value: Uint8Array): Buffer => {
  const first = value.findIndex((byte) => byte !== 0)
  const bytes = first < 0 ? Buffer.alloc(0) : value.subarray(first)
  return sshString((bytes[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes)
}
