import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { GantryError } from './errors.ts'
import { decodeError, type WorkerAnswer } from './worker.ts'

export interface WorkerPoolOptions {
  /** Most workers at once. Default: the number of cores. */
  readonly size?: number
  /** Milliseconds after which an idle worker ends, which gives back its memory. Default 2000. */
  readonly idle?: number
}

export interface JobOptions {
  /**
   * A small job, which rather waits for a worker that does such jobs than starts another one: that takes as long as the job, and memory
   * for a heap of its own.
   */
  readonly patient?: boolean
}

/** Bytes of heap above which a worker is ended after its job, rather than to keep the memory: the next one starts with its own. */
const heapLimit = 32 << 20

/**
 * MiB of a worker's young generation, in place of 48. What the jobs make is mostly kept for a while or dropped at once, so a larger
 * one saves no time.
 */
const youngGeneration = 3

/** Threads that do one job at a time each; started when needed, used again, and never what keeps an idle process alive. */
export class WorkerPool implements AsyncDisposable {
  readonly #url: URL
  readonly #size: number
  readonly #linger: number
  readonly #idle = new Map<Worker, NodeJS.Timeout>()
  /** Jobs that wait for a worker, first come first served. */
  readonly #waiting: ((worker: Worker) => void)[] = []
  /** Workers that are at work, and those of them at jobs that are not patient. */
  #busy = 0
  #eager = 0

  constructor(url: URL, options: WorkerPoolOptions = {}) {
    this.#url = url
    this.#size = options.size ?? availableParallelism()
    this.#linger = options.idle ?? 2000
  }

  /** Starts the first worker ahead of the job that will need it. */
  warm(): void {
    if (this.#idle.size + this.#busy === 0) this.#rest(this.#start())
  }

  /** Runs one job in a worker whose code calls `serveJobs`; waits for its turn. Throws what the job throws. */
  async run<T>(job: unknown, options: JobOptions = {}): Promise<T> {
    const eager = options.patient === true ? 0 : 1
    const worker = await this.#take(eager === 1 ? this.#size : Math.min(this.#size, this.#eager + 1))
    this.#eager += eager
    let alive = false
    try {
      const answer = await answerOf(worker, job)
      alive = answer.heap <= heapLimit
      if (!alive) void worker.terminate()
      if (answer.kind === 'failed') throw decodeError(answer.error)
      return answer.result as T
    } finally {
      this.#eager -= eager
      this.#next(worker, alive)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workers = [...this.#idle.keys()]
    for (const worker of workers) this.#wake(worker)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }

  #start(): Worker {
    // an idle worker that fails is forgotten; what fails during a job is told by that job
    // without the flags of this process: one that runs a program given on its command line has some that a worker refuses
    const worker = new Worker(this.#url, { execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: youngGeneration } })
    return worker.on('error', () => undefined).on('exit', () => this.#wake(worker))
  }

  /** A worker that is idle, a new one while there are less than `limit`, or the first one that has done its job. */
  async #take(limit: number): Promise<Worker> {
    const idle = this.#idle.keys().next().value
    if (idle === undefined && this.#busy >= limit) return await new Promise((resolve) => this.#waiting.push(resolve))
    this.#busy++
    if (idle === undefined) return this.#start()
    this.#wake(idle)
    idle.ref()
    return idle
  }

  /** Gives a worker that did its job to whoever waits; one that died is replaced. */
  #next(worker: Worker, alive: boolean): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) return waiting(alive ? worker : this.#start())
    this.#busy--
    if (alive) this.#rest(worker)
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
}

/** Gives a worker a job and waits for what it answers. */
const answerOf = (worker: Worker, job: unknown): Promise<WorkerAnswer> =>
  new Promise((resolve, reject) => {
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
