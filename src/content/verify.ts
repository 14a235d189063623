import type { ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { createDigester, digestAlgorithm, type Digester } from '../oci/digest.ts'

/** Checks bytes against a descriptor as they pass; `data_loss` with SIZE_MISMATCH or DIGEST_MISMATCH. */
export interface Verifier {
  /** Throws as soon as there are more bytes than promised. */
  update(chunk: Uint8Array): void
  /** Throws if bytes are missing or are others than promised. */
  finish(): void
}

export const createVerifier = (descriptor: Descriptor): Verifier => {
  const { digest: expected, size } = descriptor
  const digester: Digester = createDigester(digestAlgorithm(expected))
  const mismatch = (code: string, reason: string, actual: unknown): GantryError =>
    new GantryError('data_loss', code, `Cannot verify "${expected}": ${reason}`, { detail: { expected, size, actual } })
  let seen = 0
  return {
    update: (chunk) => {
      seen += chunk.length
      if (seen > size) throw mismatch('SIZE_MISMATCH', `it has more than the ${size} bytes that its descriptor says`, seen)
      digester.update(chunk)
    },
    finish: () => {
      if (seen < size) throw mismatch('SIZE_MISMATCH', `it ended after ${seen} of ${size} bytes`, seen)
      const actual = digester.digest()
      if (actual !== expected) throw mismatch('DIGEST_MISMATCH', `its bytes have the digest "${actual}"`, actual)
    },
  }
}

/** Throws as a verified stream does if the bytes are not those of the descriptor. */
export const verifyBytes = (bytes: Uint8Array, descriptor: Descriptor): void => {
  const verifier = createVerifier(descriptor)
  verifier.update(bytes)
  verifier.finish()
}

const promise = Symbol('verified')
interface Promised extends ByteStream {
  readonly [promise]?: string
}

const promiseOf = ({ digest, size }: Descriptor): string => `${digest} ${size}`

/** True if the stream is known to throw at its end unless its bytes are those of the descriptor: nobody need hash them again. */
export const isVerified = (stream: ByteStream, descriptor: Descriptor): boolean =>
  (stream as Promised)[promise] === promiseOf(descriptor)

/** Marks `to`, which hands on all that `from` yields or throws, as verified if `from` is. */
export const keepVerified = (from: ByteStream, to: ByteStream): ByteStream => {
  const kept = (from as Promised)[promise]
  return kept === undefined ? to : Object.assign(to, { [promise]: kept })
}

/**
 * The same bytes, checked: throws `data_loss` as soon as too many have come (SIZE_MISMATCH), or at the end if some are missing
 * or the digest differs (DIGEST_MISMATCH). What was yielded may be trusted only after the end. A stream that is verified against
 * the same descriptor already is answered as it is, so bytes are hashed once however many borders they cross.
 */
export const verified = (stream: ByteStream, descriptor: Descriptor): ByteStream =>
  isVerified(stream, descriptor) ? stream : Object.assign(check(stream, descriptor), { [promise]: promiseOf(descriptor) })

async function* check(stream: ByteStream, descriptor: Descriptor): ByteStream {
  const verifier = createVerifier(descriptor)
  for await (const chunk of stream) {
    verifier.update(chunk)
    yield chunk
  }
  verifier.finish()
}

/** Reads a stream to its end, for its errors. */
export const drain = async (stream: ByteStream): Promise<void> => {
  const chunks = stream[Symbol.asyncIterator]()
  while ((await chunks.next()).done !== true);
}
