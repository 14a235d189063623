/** Maps with at most `limit` calls under way; results in the order of the items. The first error wins, and no new call starts after it. */
export const mapConcurrent = async <T, R>(
  items: Iterable<T>,
  limit: number,
  map: (item: T, index: number) => Promise<R>,
): Promise<R[]> => {
  const results: R[] = []
  const iterator = items[Symbol.iterator]()
  let next = 0
  let failed = false
  const work = async (): Promise<void> => {
    while (!failed) {
      const step = iterator.next()
      if (step.done === true) return
      const index = next++
      try {
        results[index] = await map(step.value, index)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const settled = await Promise.allSettled(Array.from({ length: Math.max(1, limit) }, work))
  const failure = settled.find((one) => one.status === 'rejected')
  if (failure !== undefined) throw failure.reason
  return results
}

/** Lets at most `limit` holders in at once, first come first served. */
export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(limit: number) {
    this.#free = limit
  }

  /** Work that calls `leave` lets the next one in before it is done. */
  async run<T>(work: (leave: () => void) => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    let inside = true
    const leave = (): void => {
      if (!inside) return
      inside = false
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
    try {
      return await work(leave)
    } finally {
      leave()
    }
  }
}
