/** Bits in a buffer, lowest first (RFC 1951 §3.1.1). The buffer must have four bytes more than are written. */
export class BitWriter {
  readonly bytes: Buffer
  readonly view: DataView
  /** Bytes that are whole. */
  at = 0
  /** Bits behind them, fewer than 8 of them. */
  pending = 0
  count = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** At most 24 bits. */
  put(value: number, bits: number): void {
    const pending = this.pending | (value << this.count)
    const count = this.count + bits
    this.view.setUint32(this.at, pending, true)
    this.at += count >> 3
    this.pending = pending >>> (count & 24)
    this.count = count & 7
  }

  /** Fills the last byte up with zeros. */
  align(): void {
    if (this.count > 0) this.put(0, 8 - this.count)
  }

  /** Whole bytes, behind `align`. */
  copy(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }
}
