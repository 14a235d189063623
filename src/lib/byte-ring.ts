import { GantryError } from './errors.ts'

/** Where things stand in the ring's words. Both threads count bytes modulo 2^32. */
const word = { written: 0, read: 1, end: 2, closed: 3, toReader: 4, toWriter: 5 } as const
const words = 16
const ended = 1
const canceled = 2

/**
 * A pipe of bytes from an asynchronous thread to a synchronous one over shared memory: the writer copies in and waits without
 * blocking when it is full, the reader blocks when it is empty and reads in place. `capacity` in bytes, a power of two.
 */
export const createRing = (capacity: number): SharedArrayBuffer => new SharedArrayBuffer(words * 4 + capacity)

/** Makes a ring empty and open again that neither end uses any more. */
export const clearRing = (ring: SharedArrayBuffer): void => void new Int32Array(ring, 0, words).fill(0)

interface Views {
  readonly control: Int32Array
  readonly data: Uint8Array
}

const views = (ring: SharedArrayBuffer): Views => ({
  control: new Int32Array(ring, 0, words),
  data: new Uint8Array(ring, words * 4),
})

/** Changes a counter that the other side may sleep on. A counter, not the state itself: so no wake-up is lost between look and sleep. */
const wake = (control: Int32Array, counter: number): void => {
  Atomics.add(control, counter, 1)
  Atomics.notify(control, counter)
}

export class RingWriter {
  readonly #control: Int32Array
  readonly #data: Uint8Array

  constructor(ring: SharedArrayBuffer) {
    ;({ control: this.#control, data: this.#data } = views(ring))
  }

  /** Copies the chunk in; false if the reader takes no more. */
  async write(chunk: Uint8Array): Promise<boolean> {
    const capacity = this.#data.length
    for (let at = 0; at < chunk.length;) {
      const signal = Atomics.load(this.#control, word.toWriter)
      if (Atomics.load(this.#control, word.closed) !== 0) return false
      const written = Atomics.load(this.#control, word.written)
      const free = capacity - ((written - Atomics.load(this.#control, word.read)) | 0)
      if (free === 0) {
        await Atomics.waitAsync(this.#control, word.toWriter, signal).value
        continue
      }
      const from = written & (capacity - 1)
      const size = Math.min(free, chunk.length - at, capacity - from)
      this.#data.set(chunk.subarray(at, at + size), from)
      at += size
      Atomics.store(this.#control, word.written, (written + size) | 0)
      wake(this.#control, word.toReader)
    }
    return Atomics.load(this.#control, word.closed) === 0
  }

  /** All bytes are in. */
  end(): void {
    this.#finish(ended)
  }

  /** There will be no more bytes: the reader's `next` throws `canceled`. Nothing after `end`. */
  cancel(): void {
    this.#finish(canceled)
  }

  /** Lets go of a writer that waits for a reader which has died. */
  abandon(): void {
    Atomics.store(this.#control, word.closed, 1)
    wake(this.#control, word.toWriter)
  }

  #finish(state: number): void {
    Atomics.compareExchange(this.#control, word.end, 0, state)
    wake(this.#control, word.toReader)
  }
}

export class RingReader {
  readonly #control: Int32Array
  /** The shared memory; only bytes from `from` to `to` of it may be read. */
  readonly data: Uint8Array
  from = 0
  to = 0

  constructor(ring: SharedArrayBuffer) {
    ;({ control: this.#control, data: this.data } = views(ring))
  }

  /** Waits for bytes and sets `from` and `to`, at most `limit` apart; false when the writer ended and all is read. Blocks the thread. */
  next(limit: number): boolean {
    const capacity = this.data.length
    for (;;) {
      const signal = Atomics.load(this.#control, word.toReader)
      const state = Atomics.load(this.#control, word.end)
      if (state === canceled) throw new GantryError('canceled', 'CANCELED', 'Canceled')
      const read = Atomics.load(this.#control, word.read)
      const there = (Atomics.load(this.#control, word.written) - read) | 0
      if (there > 0) {
        this.from = read & (capacity - 1)
        this.to = this.from + Math.min(there, limit, capacity - this.from)
        return true
      }
      if (state === ended) return false
      Atomics.wait(this.#control, word.toReader, signal)
    }
  }

  /** Gives the bytes from `from` to `to` back to the writer. */
  release(): void {
    const before = Atomics.load(this.#control, word.read)
    const read = (before + this.to - this.from) | 0
    Atomics.store(this.#control, word.read, read)
    this.from = this.to
    // one wake-up of the writer's event loop per half ring, not per piece
    const half = this.data.length >> 1
    if (((Atomics.load(this.#control, word.written) - read) | 0) <= half) wake(this.#control, word.toWriter)
  }

  /** Takes no more bytes; the writer's `write` answers false. */
  close(): void {
    Atomics.store(this.#control, word.closed, 1)
    wake(this.#control, word.toWriter)
  }
}
