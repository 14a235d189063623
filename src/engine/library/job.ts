/**
 * Work under way: `await` it for its result, or go through its events with `for await`, which end with the work and throw what it
 * throws; or both. Leaving the loop does not stop the work, an AbortSignal does. Without a loop nothing is lost but the events, and a
 * failure that is awaited later is no unhandled one meanwhile.
 */
export type Job<T, E> = Promise<T> & AsyncIterable<E>

/**
 * Starts work that reports events. `sameAs`: events for which it answers the same text are one while nobody has read them, the
 * newest; so those that wait are no more than there is to tell.
 */
export const startJob = <T, E>(
  work: (emit: (event: E) => void) => Promise<T>,
  sameAs: (event: E) => string | undefined = () => undefined,
): Job<T, E> => {
  const events = new EventQueue(sameAs)
  const promise = (async (): Promise<T> => {
    try {
      return await work((event) => events.push(event))
    } finally {
      events.end()
    }
  })()
  promise.catch(() => undefined)
  async function* iterate(): AsyncGenerator<E, void, undefined> {
    for (let event = await events.next(); event !== undefined; event = await events.next()) yield event.value
    await promise
  }
  return Object.assign(promise, { [Symbol.asyncIterator]: iterate })
}

interface Waiting<E> {
  value: E
}

/** Events that nobody has read yet; each is handed to one reader. */
class EventQueue<E> {
  readonly #sameAs: (event: E) => string | undefined
  readonly #waiting = new Set<Waiting<E>>()
  readonly #bySame = new Map<string, Waiting<E>>()
  #readers: (() => void)[] = []
  #ended = false

  constructor(sameAs: (event: E) => string | undefined) {
    this.#sameAs = sameAs
  }

  push(value: E): void {
    const key = this.#sameAs(value)
    const before = key === undefined ? undefined : this.#bySame.get(key)
    if (before !== undefined) {
      before.value = value
      return
    }
    const waiting = { value }
    this.#waiting.add(waiting)
    if (key !== undefined) this.#bySame.set(key, waiting)
    this.#wake()
  }

  end(): void {
    this.#ended = true
    this.#wake()
  }

  /** The next event, or undefined after the last. */
  async next(): Promise<Waiting<E> | undefined> {
    for (;;) {
      const first = this.#waiting.values().next().value
      if (first !== undefined) {
        this.#waiting.delete(first)
        const key = this.#sameAs(first.value)
        if (key !== undefined) this.#bySame.delete(key)
        return first
      }
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => this.#readers.push(resolve))
    }
  }

  #wake(): void {
    const readers = this.#readers
    this.#readers = []
    for (const resolve of readers) resolve()
  }
}
