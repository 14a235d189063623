import type { ClientRequest } from 'node:http'
import type { ByteStream } from '../bytes.ts'
import { giveBack } from '../chunk-memory.ts'
import { timeoutError } from './connection-error.ts'

const connected = (request: ClientRequest): Promise<void> =>
  new Promise((resolve) => {
    request.once('socket', (socket) => {
      if (request.reusedSocket || !socket.connecting) resolve()
      else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', resolve)
    })
  })

/** Waits until the socket takes more, or the request is over. */
const drained = (request: ClientRequest, host: string, idle: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => request.destroy(timeoutError(host, 'while it took the request', idle)), idle)
    const done = (): void => {
      clearTimeout(timer)
      request.off('drain', done).off('close', done).off('response', done)
      resolve()
    }
    request.on('drain', done).on('close', done).on('response', done)
  })

/**
 * Sends a stream as the body of a request once the connection stands, so that nothing is read from it for a host that cannot be
 * reached. The last chunk waits until the stream has ended: a stream that throws at its end, as one that verifies itself does,
 * never makes a whole request. Ends early when the answer comes before, and then the connection does not outlive that answer.
 */
export const sendStream = async (request: ClientRequest, body: ByteStream, host: string, idle: number): Promise<void> => {
  let over = false
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      over = true
      resolve()
    }
    request.once('close', end)
    request.once('response', (message) => {
      if (!request.writableEnded) message.once('end', () => request.destroy())
      end()
    })
  })
  await Promise.race([connected(request), ended])
  let held: Uint8Array | undefined
  for await (const chunk of over ? [] : body) {
    const sent = held
    if (sent !== undefined && !request.write(sent, () => giveBack(sent)) && !over) await drained(request, host, idle)
    if (over) return
    held = chunk
  }
  if (!over) request.end(held)
}
