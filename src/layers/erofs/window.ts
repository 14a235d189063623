/** Bytes that are made at a time: an index of many files is never in memory as a whole. */
const windowBytes = 256 * 1024

/** A part of an image while it is written, from its start to its end; what is not written is zeros. */
export class Window {
  /** Byte of the image where the window begins. */
  start: number
  image = Buffer.alloc(windowBytes)
  // many small writes: a DataView is the quickest way to do them
  view = viewOf(this.image)

  constructor(start: number) {
    this.start = start
  }

  /** Makes sure that `length` bytes from byte `at` of the image on can be written; hands out what is before them, if it must. */
  *reach(at: number, length: number): Generator<Uint8Array, void, undefined> {
    if (at + length <= this.start + this.image.length) return
    for (; at > this.start + this.image.length; this.#move(this.start + this.image.length, windowBytes)) yield this.image
    if (at > this.start) yield this.image.subarray(0, at - this.start)
    this.#move(at, Math.max(length, windowBytes))
  }

  #move(start: number, length: number): void {
    this.start = start
    this.image = Buffer.alloc(length)
    this.view = viewOf(this.image)
  }
}

const viewOf = (image: Buffer): DataView => new DataView(image.buffer, image.byteOffset, image.length)
