import type { ByteStream } from '../bytes.ts'
import { GantryError } from '../errors.ts'
import { encodeTarHeader, tarEnd } from './encode.ts'
import { tarPadding, type TarEntry } from './entry.ts'

/** What `writeTar` takes: a file of more than 0 bytes has a body of exactly `size` bytes, nothing else has one. */
export type TarInput = TarEntry & { readonly body?: ByteStream | undefined }

/**
 * An archive of the entries, in their order, ended by two zero blocks. Throws `invalid_argument` (TAR_BODY_SIZE) if a body has
 * not the size that its entry says.
 */
export async function* writeTar(entries: AsyncIterable<TarInput> | Iterable<TarInput>): ByteStream {
  for await (const entry of entries) {
    yield encodeTarHeader(entry)
    let written = 0
    if (entry.kind === 'file' && entry.body !== undefined) {
      for await (const chunk of entry.body) {
        written += chunk.length
        if (written > entry.size) break
        yield chunk
      }
    }
    if (written !== entry.size) throw wrongSize(entry, written)
    if (tarPadding(written) > 0) yield tarEnd.subarray(0, tarPadding(written))
  }
  yield tarEnd
}

const wrongSize = (entry: TarInput, written: number): GantryError =>
  new GantryError(
    'invalid_argument',
    'TAR_BODY_SIZE',
    `Cannot write "${entry.name}" into a tar: it has ${written > entry.size ? 'more' : 'less'} than ${entry.size} bytes`,
    { hint: 'check whether it changes while it is read' },
  )
