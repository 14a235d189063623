import type { FileHandle } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { GantryError } from '../errors.ts'
import type { ByteSpan } from './range.ts'

/** Hands a chunk to the connection; false once the connection is gone. The chunk may be reused afterwards. */
const write = (response: ServerResponse, chunk: Uint8Array): Promise<boolean> =>
  new Promise((resolve) => {
    if (response.destroyed) {
      resolve(false)
      return
    }
    const gone = (): void => resolve(false)
    response.once('close', gone)
    response.write(chunk, (error) => {
      response.off('close', gone)
      resolve(error === null || error === undefined)
    })
  })

/**
 * Sends parts of files as response bodies. Each response has two buffers that it fills and sends in turn, large ones while
 * there are few of them, for speed, and small ones under many connections, so that memory stays flat.
 */
export class FileSender {
  #sending = 0

  /** Sends the span after the headers, which have been set, and ends the response. Leaves the handle open. `data_loss` if the file ends early. */
  async send(response: ServerResponse, handle: FileHandle, span: ByteSpan): Promise<void> {
    this.#sending++
    try {
      if (await this.#copy(response, handle, span)) response.end()
    } finally {
      this.#sending--
    }
  }

  async #copy(response: ServerResponse, handle: FileHandle, { start, end }: ByteSpan): Promise<boolean> {
    const size = Math.min(end - start, this.#sending <= 32 ? 512 * 1024 : 64 * 1024)
    const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(Math.min(size, end - start - size))]
    let position = start
    let sending = Promise.resolve(true)
    for (let turn = 0; position < end; turn ^= 1) {
      const buffer = buffers[turn] as Buffer
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, end - position), position)
      if (!(await sending)) return false
      if (bytesRead === 0)
        throw new GantryError('data_loss', 'FILE_TRUNCATED', `Cannot send file: it ended after ${position} bytes`)
      position += bytesRead
      sending = write(response, buffer.subarray(0, bytesRead))
    }
    return sending
  }
}
