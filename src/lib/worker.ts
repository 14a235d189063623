import { getHeapStatistics } from 'node:v8'
import { parentPort } from 'node:worker_threads'
import { GantryError, messageOf, type ErrorKind } from './errors.ts'

/**
 * The URL to start a worker from: the source file beside the importer when Node runs the sources, else the file of the same name
 * that the bundle has beside its chunks (one flat folder). `path` is relative to the importer and ends in `.worker.ts`.
 */
export const workerUrl = (importer: string, path: string): URL => {
  if (new URL(importer).pathname.endsWith('.ts')) return new URL(path, importer)
  return new URL(`./${path.slice(path.lastIndexOf('/') + 1).replace(/\.ts$/, '.js')}`, importer)
}

/** What a worker answers to one job; `heap` is what its heap has grown to, in bytes. */
export type WorkerAnswer =
  | { readonly kind: 'done'; readonly result: unknown; readonly heap: number }
  | { readonly kind: 'failed'; readonly error: ErrorData; readonly heap: number }

interface ErrorData {
  readonly error:
    | { readonly kind: ErrorKind; readonly code: string; readonly detail: unknown; readonly hint: string | undefined }
    | undefined
  readonly message: string
  readonly cause: unknown
}

/** In a worker: answers each job of a `WorkerPool` by what `work` returns or throws, one after the other. */
export const serveJobs = (work: (job: never) => unknown): void => {
  const port = parentPort
  if (port === null) throw new GantryError('internal', 'NO_WORKER', 'Cannot serve jobs: this is not a worker')
  port.on('message', (job) => {
    // a promise keeps the order, since the pool sends a job only after the last one's answer
    void (async () => work(job as never))().then(
      (result) => port.postMessage({ kind: 'done', result, heap: heapSize() } satisfies WorkerAnswer),
      (error: unknown) =>
        port.postMessage({ kind: 'failed', error: encodeError(error), heap: heapSize() } satisfies WorkerAnswer),
    )
  })
}

const heapSize = (): number => getHeapStatistics().total_heap_size

// a structured clone of an error keeps neither its class nor its fields
const encodeError = (thrown: unknown): ErrorData => ({
  error:
    thrown instanceof GantryError
      ? { kind: thrown.kind, code: thrown.code, detail: thrown.detail, hint: thrown.hint }
      : undefined,
  message: messageOf(thrown),
  cause: thrown instanceof GantryError ? thrown.cause : thrown,
})

/** The error that a worker's job threw. */
export const decodeError = ({ error, message, cause }: ErrorData): Error => {
  if (error === undefined) return cause instanceof Error ? cause : new Error(message)
  const { kind, code, detail, hint } = error
  return new GantryError(kind, code, message, { cause, detail, ...(hint === undefined ? {} : { hint }) })
}
