import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Semaphore } from './concurrency.ts'
import { GantryError } from './errors.ts'
import { decodeError, type WorkerAnswer } from './worker.ts'

export interface WorkerPoolOptions {
  /** Most workers at once. Default: the number of cores. */
  readonly size?: number
  /** Milliseconds after which an idle worker ends, which gives back its memory. Default 2000. */
  readonly idle?: number
}

/** Threads that do one job at a time each; started when needed, used again, and never what keeps an idle process alive. */
export class WorkerPool implements AsyncDisposable {
  readonly #url: URL
  readonly #turns: Semaphore
  readonly #linger: number
  readonly #idle = new Map<Worker, NodeJS.Timeout>()

  constructor(url: URL, options: WorkerPoolOptions = {}) {
    this.#url = url
    this.#turns = new Semaphore(options.size ?? availableParallelism())
    this.#linger = options.idle ?? 2000
  }

  /** Starts a worker ahead of the job that will need it, unless one is idle. */
  warm(): void {
    if (this.#idle.size === 0) this.#rest(this.#start())
  }

  /** Runs one job in a worker whose code calls `serveJobs`; waits for its turn. Throws what the job throws. */
  run<T>(job: unknown): Promise<T> {
    return this.#turns.run(() => this.#runOn<T>(this.#take(), job))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workers = [...this.#idle.keys()]
    for (const worker of workers) this.#wake(worker)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }

  #start(): Worker {
    // an idle worker that fails is forgotten; what fails during a job is told by that job
    // without the flags of this process: one that runs a program given on its command line has some that a worker refuses
    const worker = new Worker(this.#url, { execArgv: [] })
    return worker.on('error', () => undefined).on('exit', () => this.#wake(worker))
  }

  #take(): Worker {
    const idle = this.#idle.keys().next().value
    if (idle === undefined) return this.#start()
    this.#wake(idle)
    idle.ref()
    return idle
  }

  #wake(worker: Worker): void {
    clearTimeout(this.#idle.get(worker))
    this.#idle.delete(worker)
  }

  #rest(worker: Worker): void {
    worker.unref()
    const end = setTimeout(() => {
      this.#wake(worker)
      void worker.terminate()
    }, this.#linger)
    this.#idle.set(worker, end.unref())
  }

  async #runOn<T>(worker: Worker, job: unknown): Promise<T> {
    const answer = await new Promise<WorkerAnswer>((resolve, reject) => {
      const settle = (finish: () => void): void => {
        worker.off('message', answered).off('error', failed).off('exit', exited)
        finish()
      }
      const answered = (message: WorkerAnswer): void => settle(() => resolve(message))
      const failed = (cause: unknown): void =>
        settle(() => reject(new GantryError('internal', 'WORKER_FAILED', 'Cannot go on: a worker thread failed', { cause })))
      const exited = (code: number): void => failed(new Error(`exit status ${code}`))
      worker.on('message', answered).on('error', failed).on('exit', exited)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(job)
    })
    this.#rest(worker)
    if (answer.kind === 'failed') throw decodeError(answer.error)
    return answer.result as T
  }
}
