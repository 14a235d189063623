import type { ByteStream } from '../bytes.ts'
import { GantryError } from '../errors.ts'
import type { SparseExtent, TarEntry } from './entry.ts'
import { TarParser } from './parser.ts'

/** An entry with its contents: `size` bytes, holes filled. Must be read before the next entry is asked for. */
export type TarEntryWithBody = TarEntry & { readonly body: ByteStream }

type Event = { readonly kind: 'entry'; readonly entry: TarEntry } | { readonly kind: 'body'; readonly piece: Uint8Array }

/** Reads a tar entry by entry; bodies that are not read are skipped. Errors are those of `TarParser`. */
export async function* readTar(stream: ByteStream): AsyncGenerator<TarEntryWithBody, void, undefined> {
  // what one chunk holds, in order; bodies are views of it
  let events: Event[] = []
  let next = 0
  const parser = new TarParser({
    entry: (entry) => void events.push({ kind: 'entry', entry }),
    body: (piece) => void events.push({ kind: 'body', piece }),
  })
  const chunks = stream[Symbol.asyncIterator]()
  let over = false
  const peek = async (): Promise<Event | undefined> => {
    while (next === events.length && !over) {
      events = []
      next = 0
      const step = await chunks.next()
      over = step.done === true
      if (step.done === true) parser.finish()
      else parser.feed(step.value)
    }
    return events[next]
  }
  let current = 0
  async function* bodyOf(serial: number): ByteStream {
    for (;;) {
      if (serial !== current)
        throw new GantryError(
          'failed_precondition',
          'TAR_BODY_GONE',
          'Cannot read a body of the tar: the next entry has been read',
        )
      const event = await peek()
      if (event?.kind !== 'body') return
      next++
      yield event.piece
    }
  }
  try {
    for (;;) {
      const event = await peek()
      if (event === undefined) return
      next++
      if (event.kind === 'body') continue
      const { sparse, ...entry } = event.entry
      const body = bodyOf(++current)
      yield { ...entry, body: sparse === undefined ? body : fillHoles(body, sparse, entry.size) }
    }
  } finally {
    current = -1
    await chunks.return?.()
  }
}

const zeros = new Uint8Array(64 * 1024)

/** The file's bytes out of its stored parts. */
async function* fillHoles(stored: ByteStream, extents: readonly SparseExtent[], size: number): ByteStream {
  let at = 0
  let index = 0
  for await (const chunk of stored) {
    for (let from = 0; from < chunk.length;) {
      const extent = extents[index]
      if (extent === undefined) return
      yield* holes(extent.offset - at)
      at = Math.max(at, extent.offset)
      const taken = Math.min(chunk.length - from, extent.offset + extent.length - at)
      yield chunk.subarray(from, from + taken)
      from += taken
      at += taken
      if (at === extent.offset + extent.length) index++
    }
  }
  yield* holes(size - at)
}

function* holes(count: number): Iterable<Uint8Array> {
  for (let rest = count; rest > 0; rest -= zeros.length) yield rest < zeros.length ? zeros.subarray(0, rest) : zeros
}
