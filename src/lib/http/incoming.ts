import type { IncomingMessage } from 'node:http'
import type { ByteStream } from '../bytes.ts'
import { ownMemory } from '../chunk-memory.ts'
import { throwIfAborted } from '../errors.ts'
import { connectionError, timeoutError } from './connection-error.ts'

/** Bytes that wait for a slow reader before the socket is told to stop, and to go on. */
const high = 512 * 1024
const low = 256 * 1024

const nothing = (): void => undefined

/**
 * The body of an answer, chunk by chunk as the socket reads them: a stream's own iterator would join what is buffered into a copy.
 * Throws `unavailable` when the connection breaks, or stays silent for `idle` milliseconds while someone waits for bytes.
 */
export const readIncoming = (message: IncomingMessage, host: string, idle: number, signal?: AbortSignal): ByteStream => {
  // before anyone reads: an error without a listener would end the process
  message.on('error', nothing)
  return read(message, host, idle, signal)
}

async function* read(message: IncomingMessage, host: string, idle: number, signal: AbortSignal | undefined): ByteStream {
  const queue: Buffer[] = []
  let queued = 0
  let ended = false
  let failure: unknown
  let wake = nothing
  message.on('data', (chunk: Buffer) => {
    queue.push(chunk)
    queued += chunk.length
    if (queued >= high) message.pause()
    wake()
  })
  message.on('end', () => {
    ended = true
    wake()
  })
  message.on('error', (error) => {
    failure = connectionError(host, error)
    wake()
  })
  const onClose = (): void => {
    failure ??= connectionError(host, message.errored ?? Object.assign(new Error('closed'), { code: 'ECONNRESET' }))
    wake()
  }
  message.on('close', onClose)
  if (message.readableEnded) ended = true
  else if (message.destroyed) onClose()
  const more = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    wake = resolve
    const timer = setTimeout(() => {
      failure ??= timeoutError(host, 'while it sent its answer', idle)
      resolve()
    }, idle)
    await promise
    clearTimeout(timer)
  }
  try {
    for (;;) {
      const chunk = queue.shift()
      if (chunk !== undefined) {
        queued -= chunk.length
        if (queued < low && message.isPaused()) message.resume()
        // the parser copies each piece of a body into memory of its own
        yield ownMemory(chunk)
      } else if (ended) {
        return
      } else if (failure === undefined) {
        await more()
      } else {
        throwIfAborted(signal)
        throw failure
      }
    }
  } finally {
    if (!ended) message.destroy()
  }
}

/** Reads and drops what is left of an answer so that its connection can serve another request; one with more than a little is closed. */
export const discardIncoming = (message: IncomingMessage, idle: number): void => {
  let left = low
  const timer = setTimeout(() => message.destroy(), idle)
  timer.unref()
  message.on('close', () => clearTimeout(timer))
  message.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) message.destroy()
  })
}
