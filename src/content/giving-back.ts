import type { ByteStream } from '../lib/bytes.ts'
import { giveBack } from '../lib/chunk-memory.ts'
import { keepVerified } from './verify.ts'

/** The same bytes for those who copy them: what a chunk held is free when the next is asked for. */
export const givingBack = (bytes: ByteStream): ByteStream => {
  async function* read(): ByteStream {
    for await (const chunk of bytes) {
      yield chunk
      giveBack(chunk)
    }
  }
  return keepVerified(bytes, read())
}
