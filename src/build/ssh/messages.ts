import { GantryError } from '../../lib/errors.ts'

/** As OpenSSH's AGENT_MAX_LEN. */
const longest = 256 * 1024

/** The messages of a stream between an SSH agent and its client, without their lengths. `invalid_argument` for one that is too long. */
export async function* readMessages(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4) {
      const length = rest.readUInt32BE()
      if (length === 0 || length > longest)
        throw new GantryError('invalid_argument', 'SSH_FORMAT', `Cannot read an SSH agent's message: it has ${length} bytes`)
      if (rest.length < 4 + length) break
      yield rest.subarray(4, 4 + length)
      rest = rest.subarray(4 + length)
    }
  }
}
