import { clearRing, createRing } from './byte-ring.ts'
import { Semaphore } from './concurrency.ts'

/** Rings of one size that are used again, since only a garbage collection would free their memory; at most so many at once. */
export class RingPool {
  readonly #capacity: number
  readonly #turns: Semaphore
  readonly #spares: SharedArrayBuffer[] = []

  /** `capacity` in bytes, a power of two. */
  constructor(capacity: number, limit: number) {
    this.#capacity = capacity
    this.#turns = new Semaphore(limit)
  }

  /** Runs `work` with an empty ring once there is one. When it has settled neither of the ring's ends may be in use. */
  run<T>(work: (ring: SharedArrayBuffer) => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      const ring = this.#spares.pop() ?? createRing(this.#capacity)
      try {
        return await work(ring)
      } finally {
        clearRing(ring)
        this.#spares.push(ring)
      }
    })
  }
}
