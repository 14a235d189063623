import type { ByteStream } from '../lib/bytes.ts'
import { keepVerified } from './verify.ts'

/**
 * One stream as `count` streams of the same chunks and the same error. In lockstep: the next chunk is asked for when every branch
 * has asked, so memory stays at one chunk and the slowest reader sets the pace. Each branch must be read to its end or returned
 * (`break`), and all at the same time; a branch that is returned no longer holds the others up.
 */
export const teeStream = (stream: ByteStream, count: number): readonly ByteStream[] => {
  const tee = new Tee(stream[Symbol.asyncIterator](), count)
  return Array.from({ length: count }, () => keepVerified(stream, tee.branch()))
}

type Step = IteratorResult<Uint8Array, unknown>

class Tee {
  readonly #source: AsyncIterator<Uint8Array, unknown>
  #readers: number
  #asking = 0
  #round = Promise.withResolvers<Step>()

  constructor(source: AsyncIterator<Uint8Array, unknown>, readers: number) {
    this.#source = source
    this.#readers = readers
  }

  branch(): ByteStream {
    let open = true
    const leave = async (): Promise<void> => {
      if (!open) return
      open = false
      this.#readers--
      if (this.#readers === 0) await this.#source.return?.()
      else this.#pull()
    }
    const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      if (!open) return { done: true, value: undefined }
      this.#asking++
      const round = this.#round.promise
      this.#pull()
      try {
        const step = await round
        if (step.done !== true) return { done: false, value: step.value }
        open = false
        return { done: true, value: undefined }
      } catch (error) {
        open = false
        throw error
      }
    }
    const end = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      await leave()
      return { done: true, value: undefined }
    }
    return { [Symbol.asyncIterator]: () => ({ next, return: end }) }
  }

  #pull(): void {
    if (this.#asking < this.#readers) return
    const round = this.#round
    this.#round = Promise.withResolvers()
    this.#asking = 0
    this.#source.next().then(round.resolve, round.reject)
  }
}
