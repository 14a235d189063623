import { lock, type FileLock } from '../../lib/lock.ts'

/** The leases of one process on a store: one shared kernel lock while there is any, since each takes a millisecond. */
export class Leases {
  readonly #path: string
  #holders = 0
  #lock: Promise<FileLock> | undefined

  constructor(path: string) {
    this.#path = path
  }

  async take(): Promise<AsyncDisposable> {
    this.#holders++
    try {
      await (this.#lock ??= lock(this.#path, 'shared'))
    } catch (error) {
      await this.#drop()
      throw error
    }
    let held = true
    const end = async (): Promise<void> => {
      if (!held) return
      held = false
      await this.#drop()
    }
    return { [Symbol.asyncDispose]: end }
  }

  async #drop(): Promise<void> {
    if (--this.#holders > 0) return
    const ended = this.#lock
    this.#lock = undefined
    await ended?.then(
      (held) => held.release(),
      () => undefined,
    )
  }
}
